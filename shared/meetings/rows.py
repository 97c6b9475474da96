"""Rows of the meetings that this service scheduled in Teams (table `meetings`).

A row is stored before Graph creates the meeting and stays until Graph has deleted it. So a
repetition after a kill, and an erasure, find every meeting of a person. Another row leads from the
owner's own id of a meeting to ours, which is random: if somebody could compute it, they could open
a meeting in a space without knowing the space's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from shared.keys import key
from shared.tables import Row, Value

# Kinds of intents, whose subject is a call id. Their details are those of `intent_details`; CANCEL
# has also `change`, which names the record of the call at the beginning, or "".
MAKE = "makeMeeting"
CANCEL = "cancelMeeting"
# How long after its end a meeting's row is kept. The meeting itself stays in Teams.
KEPT_AFTER_END = timedelta(days=1)
# Before the RowKey of a row that leads from an owner's id to ours; no call id begins like this.
_ID_ROW_PREFIX = "x-"


@dataclass(frozen=True)
class ScheduledMeeting:
    """A meeting that this service scheduled in Teams.

    Attributes:
        owner: PartitionKey of the mapping of the person who scheduled it.
        call_id: the id of the shared call.
        creation_id: a random id of each creation in Teams: a meeting that was cancelled and
            created again has another one.
        organizer: object id of the Entra user who is the organizer in Teams.
        graph_id: Graph's id of the meeting; None until Graph has answered.
        proven_at: when the token was issued with which the owner scheduled it.
        ends_at: the latest end that was ever planned; the row stays for a day after it.
        cancelling: whether the meeting is being deleted.
        tentative: whether the one who marked it as cancelling has still to look if its owner shares
            it again. A request that shares it takes such a mark back.
    """

    owner: str
    call_id: str
    creation_id: str
    organizer: str
    graph_id: str | None
    proven_at: datetime
    ends_at: datetime
    cancelling: bool = False
    tentative: bool = False
    row: Row | None = field(default=None, compare=False)

    @property
    def external_id(self) -> str:
        """The `externalId` in Graph. Each creation has another one, so that a late deletion of a
        cancelled meeting does not delete the meeting that was created after it."""
        return f"{self.call_id}.{self.creation_id}"

    @property
    def is_going(self) -> bool:
        """Whether it is decided that the meeting is deleted."""
        return self.cancelling and not self.tentative

    def unmarked(self) -> "ScheduledMeeting":
        """The same without the mark that it is being deleted."""
        return replace(self, cancelling=False, tentative=False)

    def is_kept(self, at: datetime) -> bool:
        """Whether its row is kept: the meeting is not long over."""
        return self.ends_at + KEPT_AFTER_END >= at

    def intent_details(self) -> dict[str, Value]:
        """What an intent keeps of it: enough to delete it in Teams when its row is gone."""
        return {
            "owner": self.owner,
            "organizer": self.organizer,
            "externalId": self.external_id,
            "endsAt": self.ends_at,
            "isMade": self.graph_id is not None,
        }

    def values(self) -> dict[str, Value]:
        return {
            "making": self.creation_id,
            "organizer": self.organizer,
            **({} if self.graph_id is None else {"graphId": self.graph_id}),
            "provenAt": self.proven_at,
            "endsAt": self.ends_at,
            "cancelling": self.cancelling,
            **({"tentative": True} if self.tentative else {}),
        }

    @classmethod
    def of(cls, row: Row) -> "ScheduledMeeting":
        values: Mapping[str, Any] = row.values
        return cls(
            owner=row.partition_key,
            call_id=row.row_key,
            creation_id=values["making"],
            organizer=values["organizer"],
            graph_id=values.get("graphId"),
            proven_at=values["provenAt"],
            ends_at=values["endsAt"],
            cancelling=values["cancelling"],
            tentative=values.get("tentative", False),
            row=row,
        )


def id_row_key(external_id: str) -> str:
    """The RowKey of the row that leads from an owner's id of a meeting to ours."""
    return _ID_ROW_PREFIX + key("external id", external_id)


def is_id_row(row: Row) -> bool:
    """Whether a row of the table is no meeting, but leads to one."""
    return row.row_key.startswith(_ID_ROW_PREFIX)


def id_row_values(call_id: str) -> dict[str, Value]:
    return {"callId": call_id}


def call_id_of(id_row: Row) -> str:
    return str(id_row.values["callId"])
