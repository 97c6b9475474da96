"""What a bot does in a call that it has answered; stored in one property of the call's record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class Step(StrEnum):
    """What a bot can do."""

    GREET = "greet"
    LISTEN = "listen"  # offer the menu, and hear what is pressed
    SAY = "say"
    CONNECT = "connect"
    HANG_UP = "hang up"


@dataclass(frozen=True)
class BotTurn:
    """The bot's turn: one after the other, each noted before ACS is asked for it.

    Attributes:
        number: from 0 on.
        action: id of the action of the call that it is; empty for hanging up.
        tone: what was pressed to get here, where something was.
        misses: how often until now nothing on the menu was chosen, or nobody reached.
        asker: names the request that asks ACS for it.
        until: the asker has died who has not asked by then.
        is_takeover: whether somebody before that has died, who may have asked.
        is_asked: whether ACS has answered.
    """

    number: int
    step: Step
    action: str
    tone: str
    misses: int
    asker: str
    until: datetime
    is_takeover: bool = False
    is_asked: bool = False

    def stored(self) -> dict[str, Any]:
        """As it is stored, under names that stay whatever the fields are called."""
        return {
            "number": self.number,
            "step": self.step,
            "action": self.action,
            "tone": self.tone,
            "misses": self.misses,
            "asker": self.asker,
            "until": str(self.until),
            "is_again": self.is_takeover,
            "is_asked": self.is_asked,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            number=stored["number"],
            step=Step(stored["step"]),
            action=stored["action"],
            tone=stored["tone"],
            misses=stored["misses"],
            asker=stored["asker"],
            until=datetime.fromisoformat(stored["until"]),
            is_takeover=stored["is_again"],
            is_asked=stored["is_asked"],
        )


@dataclass(frozen=True)
class BotCallState:
    """
    Attributes:
        guests: whom the call is for, by raw id: the caller, and who was to be connected to them.
        joined: those of them who have been in it. Who came and is there no more has left.
        turn: None before the first.
    """

    guests: tuple[str, ...]
    joined: frozenset[str] = frozenset()
    turn: BotTurn | None = None

    @property
    def caller(self) -> str:
        return self.guests[0]

    def with_guest(self, raw_id: str) -> Self:
        return replace(self, guests=tuple(dict.fromkeys((*self.guests, raw_id))))

    def text(self) -> str:
        """As it is stored."""
        turn = None if self.turn is None else self.turn.stored()
        return json.dumps({"guests": self.guests, "came": sorted(self.joined), "turn": turn})

    @classmethod
    def of(cls, text: str) -> Self:
        stored = json.loads(text)
        turn = None if stored["turn"] is None else BotTurn.of(stored["turn"])
        return cls(tuple(stored["guests"]), frozenset(stored["came"]), turn)
