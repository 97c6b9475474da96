"""What a bot does in a call that it has answered; stored with the call's record."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Self


class Step(StrEnum):
    """What a bot can do."""

    GREET = "greet"
    LISTEN = "listen"  # offer the menu, and hear what is pressed
    SAY = "say"
    CONNECT = "connect"
    HANG_UP = "hang up"


@dataclass(frozen=True)
class Turn:
    """The bot's turn: one after the other, each noted before ACS is asked for it.

    Attributes:
        number: from 0 on.
        action: id of the action of the call that it is; empty for hanging up.
        tone: what was pressed to get here, where something was.
        misses: how often until now nothing on the menu was chosen, or nobody reached.
        asker: names the request that asks ACS for it.
        until: the asker has died who has not asked by then.
        is_again: whether somebody before that has died, who may have asked.
        is_asked: whether ACS has answered.
    """

    number: int
    step: Step
    action: str
    tone: str
    misses: int
    asker: str
    until: datetime
    is_again: bool = False
    is_asked: bool = False


@dataclass(frozen=True)
class Attendance:
    """
    Attributes:
        guests: whom the call is for, by raw id: the caller, and who was to be connected to them.
        came: those of them who have been in it. Who came and is there no more has left.
        turn: None before the first.
    """

    guests: tuple[str, ...]
    came: frozenset[str] = frozenset()
    turn: Turn | None = None

    @property
    def caller(self) -> str:
        return self.guests[0]

    def with_guest(self, raw_id: str) -> Self:
        return replace(self, guests=tuple(dict.fromkeys((*self.guests, raw_id))))

    def text(self) -> str:
        """As it is stored."""
        turn = None if self.turn is None else {**asdict(self.turn), "until": str(self.turn.until)}
        return json.dumps({"guests": self.guests, "came": sorted(self.came), "turn": turn})

    @classmethod
    def of(cls, text: str) -> Self:
        told = json.loads(text)
        turn = told["turn"]
        if turn is not None:
            until = datetime.fromisoformat(turn["until"])
            turn = Turn(**{**turn, "step": Step(turn["step"]), "until": until})
        return cls(tuple(told["guests"]), frozenset(told["came"]), turn)
