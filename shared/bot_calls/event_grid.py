"""What Event Grid delivers: events of its own schema, a stranger's words until they are read.

Reference D.5: an array, as a rule of one event. Types that are not known here are ignored, unknown
fields are not looked at.
"""

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from shared.calls.events import Identifier, Moment, Name, Part
from shared.problems import InvalidRequest

logger = logging.getLogger(__name__)

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_INCOMING_CALL = "Microsoft.Communication.IncomingCall"


@dataclass(frozen=True)
class RingingCall:
    """A call that rings at one of our identities.

    Attributes:
        to, caller: raw ids.
        context: what ACS wants to see of who answers it; a secret as long as it rings.
        since: when it began to ring.
    """

    to: str
    caller: str
    context: str = field(repr=False)
    since: datetime


class IncomingCallResult(StrEnum):
    """What became of a call that rang."""

    ANSWERED = "answered"  # now, or by an earlier delivery
    IGNORED = "ignored"  # it is no incoming call
    NO_BOT = "no-bot"  # it is for somebody else
    STRANGER = "stranger"  # its caller is nobody of the bot's realm: calls never cross realms
    LATE = "late"  # it rings no more
    MISSED = "missed"  # ACS let nobody answer
    BUSY = "busy"  # so many calls of its caller go on


class _IncomingCall(Part):
    to: Identifier
    from_: Annotated[Identifier, Field(alias="from")]
    incoming_call_context: Annotated[str, Field(min_length=1, max_length=64 * 1024)]


class _Validation(Part):
    validation_code: Annotated[str, Field(min_length=1, max_length=1024)]


class GridEvent(Part):
    """An event in Event Grid's own schema."""

    event_type: Name
    event_time: Moment
    data: Annotated[JsonValue, Field(repr=False)] = None

    @property
    def validation_code(self) -> str | None:
        """What to answer a new subscription with; None for any other event."""
        if self.event_type != _VALIDATION:
            return None
        try:
            return _Validation.model_validate(self.data).validation_code
        except ValidationError:
            raise InvalidRequest("The validation event has no validationCode.") from None

    @property
    def ringing(self) -> RingingCall | None:
        """None for an event of another type, or of a shape that is not known here."""
        if self.event_type != _INCOMING_CALL:
            return None
        try:
            told = _IncomingCall.model_validate(self.data)
        except ValidationError:
            logger.warning("an IncomingCall event is of no shape that is known here")
            return None
        since = self.event_time.astimezone(UTC)
        return RingingCall(told.to.raw_id, told.from_.raw_id, told.incoming_call_context, since)


_EVENTS = TypeAdapter(Annotated[list[GridEvent], Field(min_length=1, max_length=100)])


def read_grid_events(body: bytes) -> list[GridEvent]:
    """The events of a delivery.

    Raises:
        InvalidRequest: it is something else; with no detail, which may hold anything.
    """
    try:
        return _EVENTS.validate_json(body)
    except ValidationError:
        raise InvalidRequest("The body is no array of events in Event Grid's schema.") from None
