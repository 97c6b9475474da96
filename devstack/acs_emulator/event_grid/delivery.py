"""Event Grid, as far as it tells an app of calls that ring: one subscription of a webhook.

It is proven once, by the handshake with a validation code, before anything is delivered. Delivered
is at least once: what was not taken comes again, unless the answer says that it never will be.
"""

import asyncio
import json
import logging
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import aiohttp
from pydantic import AfterValidator, Field, JsonValue

from devstack.acs_emulator.calls.bodies import checked_callback
from devstack.emulation.background import Background
from devstack.emulation.specs import Milliseconds, Spec
from devstack.well_known import TENANT_ID

# Documented.
ANSWER_SECONDS = 30
TAKEN = range(200, 205)
RETRIES = (1, 3, 6, 30, 60)  # 10 and 30 seconds, 1, 5 and 10 minutes
# What some answers make it wait at least: 30 seconds, when a call rings no more; 2 minutes.
LONGER: dict[int | str, int] = {
    HTTPStatus.SERVICE_UNAVAILABLE: 3,
    HTTPStatus.REQUEST_TIMEOUT: 12,
}
NEVER_AGAIN = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
LONGEST_ANSWER = 500  # that is shown
MOST_HEADERS = 10
LONGEST_HEADER = 4096
# The recorded look: whose events these are, in Azure's way to name a resource.
TOPIC = (
    f"/subscriptions/{TENANT_ID}/resourceGroups/devstack"
    "/providers/Microsoft.Communication/communicationServices/emulator"
)
NAME = "DEVSTACK"  # of the subscription, which Event Grid spells in capitals

log = logging.getLogger(__name__)

type HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
type HeaderValue = Annotated[str, Field(pattern=r"^[ -~]*$", max_length=LONGEST_HEADER)]


class SubscriptionSpec(Spec):
    """The body of `PUT /_emulator/eventSubscription`.

    Args:
        url: the webhook.
        headers: delivery properties: what every delivery carries, such as a key or a token.
        repeat: how often each event is sent at the same time, as two subscriptions would.
        attempts: after so many that were not taken an event is dropped; documented are 30.
        retry_ms: until the second attempt, and the measure of later ones; documented are ten
            seconds.
    """

    url: Annotated[str, AfterValidator(checked_callback)]
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=MOST_HEADERS)] = Field(
        default_factory=dict
    )
    repeat: Annotated[int, Field(ge=1, le=20)] = 1
    attempts: Annotated[int, Field(ge=1, le=len(RETRIES) + 1)] = 4
    retry_ms: Milliseconds = 10_000


class HandshakeError(Exception):
    """The webhook did not answer with the code; the message says what it did."""


@dataclass
class Delivery:
    """An event on its way; `answer` is what was said to the last attempt."""

    id: str
    type: str
    body: str
    state: str = "waiting"  # taken, dropped
    attempts: list[int | str] = field(default_factory=list)
    answer: str = ""

    def described(self) -> dict[str, JsonValue]:
        """What inspection shows."""
        attempts: list[JsonValue] = [*self.attempts]
        return {
            "id": self.id,
            "type": self.type,
            "state": self.state,
            "attempts": attempts,
            "answer": self.answer[:LONGEST_ANSWER],
        }


@dataclass
class Subscription:
    """What was asked for, and what is on its way there; both end together."""

    spec: SubscriptionSpec
    is_proven: bool
    proving: asyncio.Lock = field(default_factory=asyncio.Lock)
    deliveries: list[Delivery] = field(default_factory=list)
    background: Background = field(default_factory=Background)


class EventGrid:
    """Nothing of it survives a restart, but for a subscription that it is started with.

    Args:
        usual: the subscription that there is from the start; its handshake is made when the first
            event is to be delivered, for its app starts later.
    """

    def __init__(self, usual: SubscriptionSpec | None) -> None:
        self._usual = usual
        self._session: aiohttp.ClientSession | None = None
        self.subscription = self._at_start()

    async def start(self) -> None:
        # No connection is used twice: aiohttp repeats by itself what fails on a used one.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def stop(self) -> None:
        await self._replace(None)
        if self._session is not None:
            await self._session.close()

    async def subscribe(self, spec: SubscriptionSpec) -> None:
        """Replace the subscription, if the webhook can be proven.

        Raises:
            HandshakeError: it cannot; the one before stays.
        """
        await self._prove(spec)
        await self._replace(Subscription(spec, is_proven=True))

    async def reset(self) -> None:
        """As it starts."""
        await self._replace(self._at_start())

    def publish(self, name: str, subject: str, data: JsonValue) -> str | None:
        """Deliver an event from now on; its id, None where nobody has subscribed."""
        subscription = self.subscription
        if subscription is None:
            return None
        event = _event(name, subject, data)
        delivery = Delivery(str(event["id"]), name, json.dumps([event]))
        subscription.deliveries.append(delivery)
        subscription.background.spawn(self._deliver(subscription, delivery))
        return delivery.id

    def _at_start(self) -> Subscription | None:
        return None if self._usual is None else Subscription(self._usual, is_proven=False)

    async def _replace(self, subscription: Subscription | None) -> None:
        ended, self.subscription = self.subscription, subscription
        if ended is not None:
            # Its webhook may be gone, and somebody else listen there.
            await ended.background.stop()

    async def _deliver(self, subscription: Subscription, delivery: Delivery) -> None:
        spec = subscription.spec
        try:
            await self._prove_once(subscription)
        except HandshakeError as error:
            log.warning("%s is not delivered: %s", delivery.type, error)
            delivery.state, delivery.attempts = "dropped", [str(error)]
            return
        copies = [
            self._post(spec, delivery.body, "Notification", 0) for _ in range(spec.repeat - 1)
        ]
        for number in range(spec.attempts):
            (status, delivery.answer), *_ = await asyncio.gather(
                self._post(spec, delivery.body, "Notification", number), *copies
            )
            copies = []
            delivery.attempts.append(status)
            if status in TAKEN:
                delivery.state = "taken"
                return
            if status in NEVER_AGAIN or number == spec.attempts - 1:
                break
            pause = max(RETRIES[number], LONGER.get(status, 0))
            await asyncio.sleep(pause * spec.retry_ms / 1000)
        delivery.state = "dropped"
        log.warning("%s was dropped: %s", delivery.type, delivery.attempts)

    async def _prove_once(self, subscription: Subscription) -> None:
        async with subscription.proving:
            if not subscription.is_proven:
                await self._prove(subscription.spec)
                subscription.is_proven = True

    async def _prove(self, spec: SubscriptionSpec) -> None:
        code = str(uuid.uuid4())
        data: dict[str, JsonValue] = {
            "validationCode": code,
            "validationUrl": f"https://events.example.com/validate?id={code}",
        }
        event = _event("Microsoft.EventGrid.SubscriptionValidationEvent", "", data)
        status, answer = await self._post(spec, json.dumps([event]), "SubscriptionValidation", 0)
        if not isinstance(status, int):
            raise HandshakeError(f"the handshake was not answered: {status}")
        if status != HTTPStatus.OK:
            raise HandshakeError(
                f"the handshake was answered {status}, not 200: {answer[:LONGEST_ANSWER]}"
            )
        try:
            told = json.loads(answer)
        except (ValueError, RecursionError):
            told = None
        if told != {"validationResponse": code}:
            raise HandshakeError("the handshake was not answered with the validation code")

    async def _post(
        self, spec: SubscriptionSpec, body: str, kind: str, number: int
    ) -> tuple[int | str, str]:
        """The status, or what went wrong, and the answer's text. Redirects are not followed."""
        assert self._session is not None  # noqa: S101  started before the first request
        headers = {
            **spec.headers,
            "Content-Type": "application/json; charset=utf-8",
            "aeg-event-type": kind,
            "aeg-subscription-name": NAME,
            "aeg-delivery-count": str(number),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
        }
        try:
            async with self._session.post(
                spec.url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await answer.text(errors="replace")
        except TimeoutError:
            return "no answer in time", ""
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return type(error).__name__, ""


def _event(name: str, subject: str, data: JsonValue) -> dict[str, JsonValue]:
    return {
        "id": str(uuid.uuid4()),
        "topic": TOPIC,
        "subject": subject,
        "data": data,
        "eventType": name,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z",  # .NET's seven digits
    }
