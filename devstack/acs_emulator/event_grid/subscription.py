"""The one subscription of the emulated Event Grid, and the events on their way to its webhook."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, Field, JsonValue

from devstack.acs_emulator.wire.webhooks import checked_webhook_url
from devstack.emulation.background import BackgroundTasks
from devstack.emulation.specs import Milliseconds, Spec

# Documented: the pauses before the second and later attempts, in units of the first pause, which is
# 10 seconds. So they are 10 and 30 seconds, 1, 5 and 10 minutes.
RETRY_PAUSES = (1, 3, 6, 30, 60)
MAX_HEADERS = 10
MAX_HEADER_LENGTH = 4096
MAX_SHOWN_ANSWER = 500
# How many deliveries a subscription remembers, and how many may wait.
MAX_DELIVERIES = 10_000

type HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
type HeaderValue = Annotated[str, Field(pattern=r"^[ -~]*$", max_length=MAX_HEADER_LENGTH)]


class SubscriptionSpec(Spec):
    """The body of `PUT /_emulator/eventSubscription`.

    Args:
        url: the webhook.
        headers: delivery properties: the headers of every delivery, such as a key or a token.
        repeat: how often each event is sent at the same time, as if there were several
            subscriptions.
        attempts: how often an event that is not accepted is sent before it is dropped; documented
            are 30.
        retry_ms: the first pause, on which the later ones depend; documented are ten seconds.
    """

    url: Annotated[str, AfterValidator(checked_webhook_url)]
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=MAX_HEADERS)] = Field(
        default_factory=dict
    )
    repeat: Annotated[int, Field(ge=1, le=20)] = 1
    attempts: Annotated[int, Field(ge=1, le=len(RETRY_PAUSES) + 1)] = 4
    retry_ms: Milliseconds = 10_000


@dataclass
class EventDelivery:
    """An event on its way to the webhook.

    Args:
        state: `waiting`, `taken` or `dropped`.
        attempts: the status of each attempt, or what went wrong instead.
        answer: the text that answered the last attempt.
    """

    id: str
    type: str
    body: str
    state: str = "waiting"
    attempts: list[int | str] = field(default_factory=list)
    answer: str = ""

    def as_json(self) -> dict[str, JsonValue]:
        """What inspection shows."""
        attempts: list[JsonValue] = [*self.attempts]
        return {
            "id": self.id,
            "type": self.type,
            "state": self.state,
            "attempts": attempts,
            "answer": self.answer[:MAX_SHOWN_ANSWER],
        }


@dataclass
class Subscription:
    """A subscription and its deliveries; when it is replaced, both end.

    Args:
        is_validated: whether the webhook has made the handshake.
        deliveries: the latest, oldest first.
        waiting: how many of all are neither taken nor dropped.
    """

    spec: SubscriptionSpec
    is_validated: bool
    validating: asyncio.Lock = field(default_factory=asyncio.Lock)
    deliveries: deque[EventDelivery] = field(default_factory=lambda: deque(maxlen=MAX_DELIVERIES))
    waiting: int = 0
    background: BackgroundTasks = field(default_factory=BackgroundTasks)
