"""Rows of the meetings that this service made in Teams (table `meetings`), and what they mean.

A row is there before Graph is asked, and until Graph has deleted the meeting: so whoever comes
after a kill, or erases a person, finds every meeting of theirs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from shared.tables import Row, Value


@dataclass(frozen=True)
class ScheduledMeeting:
    """A meeting of ours.

    Attributes:
        owner: PartitionKey of the mapping of whoever scheduled it.
        call_id: what it is shared under.
        creation_id: names one act of making it: one that was cancelled and made anew differs.
        organizer: object id of the Entra user in whose name it is.
        graph_id: None until Graph has answered.
        proven_at: when whoever scheduled it had signed in.
        cancelling: whether it is being deleted.
    """

    owner: str
    call_id: str
    creation_id: str
    organizer: str
    graph_id: str | None
    proven_at: datetime
    ends_at: datetime
    cancelling: bool = False
    row: Row | None = field(default=None, compare=False)

    @property
    def external_id(self) -> str:
        """What Graph knows it by. Another act of making has another: who deletes late what an
        earlier one made does not meet what came after it."""
        return f"{self.call_id}.{self.creation_id}"

    def values(self) -> dict[str, Value]:
        return {
            "making": self.creation_id,
            "organizer": self.organizer,
            **({} if self.graph_id is None else {"graphId": self.graph_id}),
            "provenAt": self.proven_at,
            "endsAt": self.ends_at,
            "cancelling": self.cancelling,
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
            row=row,
        )
