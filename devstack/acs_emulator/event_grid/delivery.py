"""Delivers the events of the emulated Event Grid to the webhook of its subscription.

The webhook has to make the validation handshake once, before it gets any event. Delivery is at
least once: an event that is not accepted is sent again, unless the answer forbids it.
"""

import asyncio
import json
import logging
import time
import uuid
from http import HTTPStatus

from pydantic import JsonValue

from devstack.acs_emulator.event_grid.subscription import (
    MAX_DELIVERIES,
    MAX_SHOWN_ANSWER,
    RETRY_PAUSES,
    EventDelivery,
    Subscription,
    SubscriptionSpec,
)
from devstack.acs_emulator.wire.times import dotnet_time
from devstack.acs_emulator.wire.webhooks import WebhookAnswer, WebhookClient
from devstack.emulation.background import report_failure
from devstack.well_known import TENANT_ID

# Documented: how long it waits for an answer, and which answers accept an event.
ANSWER_SECONDS = 30
ACCEPTED = range(200, 205)
# Documented: the shortest pause after some answers, in units of the first pause: 30 seconds, after
# which a call does not ring any more, and 2 minutes.
MIN_RETRY_PAUSES: dict[int | str, int] = {
    HTTPStatus.SERVICE_UNAVAILABLE: 3,
    HTTPStatus.REQUEST_TIMEOUT: 12,
}
# Documented: after these answers, an event is not sent again.
NOT_RETRIED = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
# The ACS resource that the events come from, as Azure names resources. Its form is recorded.
TOPIC = (
    f"/subscriptions/{TENANT_ID}/resourceGroups/devstack"
    "/providers/Microsoft.Communication/communicationServices/emulator"
)
SUBSCRIPTION_NAME = "DEVSTACK"  # Event Grid writes it in capitals

log = logging.getLogger(__name__)


class HandshakeError(Exception):
    """The webhook did not answer with the validation code; the message says how it answered."""


class EventGrid:
    """Keeps one subscription. A restart undoes everything, except the initial subscription.

    Args:
        initial: the subscription at the start. Its handshake is made when its first event is to be
            delivered, because its app starts later than the emulator.
    """

    def __init__(self, initial: SubscriptionSpec | None) -> None:
        self._initial = initial
        self._client = WebhookClient(ANSWER_SECONDS)
        self.subscription = self._initial_subscription()

    async def start(self) -> None:
        await self._client.start()

    async def stop(self) -> None:
        await self._replace(None)
        await self._client.stop()

    async def subscribe(self, spec: SubscriptionSpec) -> None:
        """Make the handshake with a webhook, and then replace the subscription.

        Raises:
            HandshakeError: the handshake failed, and the old subscription remains.
        """
        await self._validate(spec)
        await self._replace(Subscription(spec, is_validated=True))

    async def reset(self) -> None:
        """Go back to the initial subscription."""
        await self._replace(self._initial_subscription())

    def publish(self, event_type: str, subject: str, data: JsonValue) -> str | None:
        """Start to deliver an event; returns its id, or None if there is no subscription."""
        subscription = self.subscription
        if subscription is None:
            return None
        event = _event(event_type, subject, data)
        delivery = EventDelivery(str(event["id"]), event_type, json.dumps([event]))
        subscription.deliveries.append(delivery)
        if subscription.waiting >= MAX_DELIVERIES:
            report_failure(f"{event_type} is one event too many for Event Grid")
            delivery.state = "dropped"
        else:
            subscription.waiting += 1
            subscription.background.spawn(self._deliver_counted(subscription, delivery))
        return delivery.id

    def _initial_subscription(self) -> Subscription | None:
        return None if self._initial is None else Subscription(self._initial, is_validated=False)

    async def _replace(self, subscription: Subscription | None) -> None:
        ended, self.subscription = self.subscription, subscription
        if ended is not None:
            # Its webhook may be gone, and another program may listen at that address.
            await ended.background.stop()

    async def _deliver_counted(self, subscription: Subscription, delivery: EventDelivery) -> None:
        try:
            await self._deliver(subscription, delivery)
        finally:
            subscription.waiting -= 1

    async def _deliver(self, subscription: Subscription, delivery: EventDelivery) -> None:
        spec = subscription.spec
        try:
            await self._validate_once(subscription)
        except HandshakeError as error:
            log.warning("%s is not delivered: %s", delivery.type, error)
            delivery.state, delivery.attempts = "dropped", [str(error)]
            return
        copies = [
            self._post(spec, delivery.body, "Notification", 0) for _ in range(spec.repeat - 1)
        ]
        for number in range(spec.attempts):
            answer, *_ = await asyncio.gather(
                self._post(spec, delivery.body, "Notification", number), *copies
            )
            copies = []
            delivery.answer = answer.text
            delivery.attempts.append(answer.result)
            if answer.result in ACCEPTED:
                delivery.state = "taken"
                return
            if answer.result in NOT_RETRIED or number == spec.attempts - 1:
                break
            pause = max(RETRY_PAUSES[number], MIN_RETRY_PAUSES.get(answer.result, 0))
            await asyncio.sleep(pause * spec.retry_ms / 1000)
        delivery.state = "dropped"
        log.warning("%s was dropped: %s", delivery.type, delivery.attempts)

    async def _validate_once(self, subscription: Subscription) -> None:
        async with subscription.validating:
            if not subscription.is_validated:
                await self._validate(subscription.spec)
                subscription.is_validated = True

    async def _validate(self, spec: SubscriptionSpec) -> None:
        """Make the validation handshake.

        Raises:
            HandshakeError: the answer is not 200 with the validation code.
        """
        code = str(uuid.uuid4())
        data: dict[str, JsonValue] = {
            "validationCode": code,
            "validationUrl": f"https://events.example.com/validate?id={code}",
        }
        event = _event("Microsoft.EventGrid.SubscriptionValidationEvent", "", data)
        answer = await self._post(spec, json.dumps([event]), "SubscriptionValidation", 0)
        status = answer.result
        if not isinstance(status, int):
            raise HandshakeError(f"the handshake was not answered: {status}")
        if status != HTTPStatus.OK:
            raise HandshakeError(
                f"the handshake was answered {status}, not 200: {answer.text[:MAX_SHOWN_ANSWER]}"
            )
        try:
            content = json.loads(answer.text)
        except (ValueError, RecursionError):
            content = None
        if content != {"validationResponse": code}:
            raise HandshakeError("the handshake was not answered with the validation code")

    async def _post(
        self, spec: SubscriptionSpec, body: str, kind: str, number: int
    ) -> WebhookAnswer:
        headers = {
            **spec.headers,
            "aeg-event-type": kind,
            "aeg-subscription-name": SUBSCRIPTION_NAME,
            "aeg-delivery-count": str(number),
            "aeg-data-version": "1.0",
            "aeg-metadata-version": "1",
        }
        return await self._client.post(spec.url, body, headers, read_answer=True)


def _event(event_type: str, subject: str, data: JsonValue) -> dict[str, JsonValue]:
    return {
        "id": str(uuid.uuid4()),
        "topic": TOPIC,
        "subject": subject,
        "data": data,
        "eventType": event_type,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": dotnet_time(time.time_ns(), "Z"),
    }
