"""How to join a Teams meeting, as Teams says: a part of the record of a shared call."""

import json
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class JoinDetails:
    """How to join a meeting; shown when a call is opened, not in listings.

    Attributes:
        checked_at: when Teams said this.
        lobby: who need not wait (Graph's lobbyBypassSettings.scope); None if not known.
        presenters_admit: whether presenters may admit people from the lobby.
        requested_lobby: the lobby that the owner asked for; None to leave it as it is.
    """

    checked_at: datetime
    meeting_id: str | None = None
    passcode: str | None = field(default=None, repr=False)
    toll_number: str | None = field(default=None, repr=False)
    toll_free_number: str | None = field(default=None, repr=False)
    conference_id: str | None = field(default=None, repr=False)
    lobby: str | None = None
    presenters_admit: bool = True
    requested_lobby: str | None = None

    def text(self) -> str:
        """As it is stored. The names are spelled out, so that renaming a field loses no data."""
        return json.dumps(
            {
                "looked_at": self.checked_at.isoformat(),
                "meeting_id": self.meeting_id,
                "passcode": self.passcode,
                "toll_number": self.toll_number,
                "toll_free_number": self.toll_free_number,
                "conference_id": self.conference_id,
                "lobby": self.lobby,
                "presenters_admit": self.presenters_admit,
                "wished_lobby": self.requested_lobby,
            }
        )

    def exported(self) -> dict[str, str]:
        """What is known, in the names of answers."""
        known = {
            "checkedAt": self.checked_at.isoformat(timespec="milliseconds"),
            "meetingId": self.meeting_id,
            "passcode": self.passcode,
            "tollNumber": self.toll_number,
            "tollFreeNumber": self.toll_free_number,
            "conferenceId": self.conference_id,
            "lobby": self.lobby,
            "requestedLobby": self.requested_lobby,
        }
        told = {name: value for name, value in known.items() if value is not None}
        return {**told, "checkedAt": told["checkedAt"].replace("+00:00", "Z")}

    @classmethod
    def of(cls, text: str) -> "JoinDetails":
        stored = json.loads(text)
        return cls(
            checked_at=datetime.fromisoformat(stored["looked_at"]),
            meeting_id=stored["meeting_id"],
            passcode=stored["passcode"],
            toll_number=stored["toll_number"],
            toll_free_number=stored["toll_free_number"],
            conference_id=stored["conference_id"],
            lobby=stored["lobby"],
            presenters_admit=stored["presenters_admit"],
            requested_lobby=stored["wished_lobby"],
        )
