"""What a bot does in a call that it has answered; stored in one property of the call's record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self


class Step(StrEnum):
    """What a bot does in one turn."""

    GREET = "greet"
    LISTEN = "listen"  # play the menu's prompt, and recognize the tone that is pressed
    SAY = "say"
    CONNECT = "connect"
    HANG_UP = "hang up"


@dataclass(frozen=True)
class BotTurn:
    """One turn of the bot. Turns come one after the other, each recorded before ACS is asked.

    Attributes:
        number: counts the turns of the call, from 0.
        action: id of the call's action for this turn; empty for hanging up.
        tone: the tone that led to this turn; empty if none did.
        misses: how often so far no choice of the menu was pressed, or the person was not reached.
        claimed_by: names the request to this service that sends the turn to ACS.
        claimed_until: after this time that request is taken for dead, and another may take over.
        is_takeover: whether a request before this one died, and may have sent the turn already.
        has_response: whether ACS has accepted or refused the turn.
    """

    number: int
    step: Step
    action: str
    tone: str
    misses: int
    claimed_by: str
    claimed_until: datetime
    is_takeover: bool = False
    has_response: bool = False

    def stored(self) -> dict[str, Any]:
        """As it is stored. The names in it stay, even if the fields are renamed."""
        return {
            "number": self.number,
            "step": self.step,
            "action": self.action,
            "tone": self.tone,
            "misses": self.misses,
            "asker": self.claimed_by,
            "until": str(self.claimed_until),
            "is_again": self.is_takeover,
            "is_asked": self.has_response,
        }

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        return cls(
            number=stored["number"],
            step=Step(stored["step"]),
            action=stored["action"],
            tone=stored["tone"],
            misses=stored["misses"],
            claimed_by=stored["asker"],
            claimed_until=datetime.fromisoformat(stored["until"]),
            is_takeover=stored["is_again"],
            has_response=stored["is_asked"],
        )


@dataclass(frozen=True)
class BotCallState:
    """How far the bot has come in a call.

    Attributes:
        guests: raw ids of the people whom the bot serves: first the caller, then each person whom
            the bot invites for the caller.
        joined: the guests who have been in the call. If one of them is not in the latest list of
            participants, that guest has left.
        turn: the latest turn; None before the first.
        bot: the id of the bot; empty in calls of versions that did not record it.
    """

    guests: tuple[str, ...]
    joined: frozenset[str] = frozenset()
    turn: BotTurn | None = None
    bot: str = ""

    @property
    def caller(self) -> str:
        """Raw id of the person who called the bot."""
        return self.guests[0]

    def with_guest(self, raw_id: str) -> Self:
        return replace(self, guests=tuple(dict.fromkeys((*self.guests, raw_id))))

    def text(self) -> str:
        """As it is stored."""
        turn = None if self.turn is None else self.turn.stored()
        bot = {"bot": self.bot} if self.bot else {}
        return json.dumps({"guests": self.guests, "came": sorted(self.joined), "turn": turn, **bot})

    @classmethod
    def of(cls, text: str) -> Self:
        stored = json.loads(text)
        turn = None if stored["turn"] is None else BotTurn.of(stored["turn"])
        guests, joined = tuple(stored["guests"]), frozenset(stored["came"])
        return cls(guests, joined, turn, stored.get("bot", ""))
