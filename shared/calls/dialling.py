"""Rules of dialling: whom a caller may call, with which caller id, and what may be played.

The owner of the resource pays for calls to phone numbers: none may be called unless the settings
allow its prefix.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.calls.acs_types import PlaySource
from shared.calls.settings import CallSettings
from shared.identity.identities import Identities
from shared.principals import Kind, Principal
from shared.problems import BeingErased, Fault, InvalidRequest, NotConfigured
from shared.upstream.concurrency import for_each
from shared.urls import is_safe_url


@dataclass(frozen=True)
class Target:
    """Somebody to call: exactly one of the three is set."""

    user: str | None = None
    bot: str | None = None
    phone_number: str | None = None

    @property
    def field(self) -> str:
        """The name, in request bodies, of the field that is set."""
        if self.phone_number is not None:
            return "phoneNumber"
        return "user" if self.user is not None else "bot"


_FAULTS = {
    "user": "has no identity here",
    "bot": "has no identity here",
    "phoneNumber": "may not be called from here",
}
_HINTS = {
    "user": "A person gets an identity with their first GET /token.",
    "bot": "A bot gets an identity with PUT /bots/{botId}.",
}


class Dialling:
    """Checks what callers ask for. Reads storage and never asks ACS."""

    def __init__(self, identities: Identities, settings: CallSettings) -> None:
        self._identities = identities
        self._settings = settings

    async def resolve(
        self, realm: str, targets: Sequence[Target], field_prefix: str
    ) -> dict[str, str]:
        """Find the raw ids of the targets.

        Args:
            field_prefix: where the body holds a target, for faults; `{}` is its place in the list.

        Returns:
            By raw id: `user:…` or `bot:…`; empty for a phone number.

        Raises:
            InvalidRequest: somebody has no identity here, or a number may not be called.
        """
        numbered = list(enumerate(targets))
        resolved = dict[int, tuple[str, str] | None]()

        async def look_up(item: tuple[int, Target]) -> None:
            n, target = item
            resolved[n] = await self._resolve(realm, target)

        await for_each(numbered, look_up)
        faults = [
            Fault("body", f"{field_prefix.format(n)}{target.field}", _FAULTS[target.field])
            for n, target in numbered
            if resolved[n] is None
        ]
        if faults:
            lacking = {target.field for n, target in numbered if resolved[n] is None}
            hints = [hint for field, hint in _HINTS.items() if field in lacking]
            raise InvalidRequest(" ".join(["Not everybody can be called.", *hints]), faults=faults)
        return dict(pair for n, _ in numbered if (pair := resolved[n]) is not None)

    async def _resolve(self, realm: str, target: Target) -> tuple[str, str] | None:
        """Raw id and name; None if the target may not be called."""
        if target.phone_number is not None:
            is_allowed = target.phone_number.startswith(self._settings.dial_prefixes)
            return (f"4:{target.phone_number}", "") if is_allowed else None
        kind = Kind.USER if target.user is not None else Kind.BOT
        id_ = target.user or target.bot or ""
        try:
            identity = await self._identities.find(Principal(kind, realm, id_))
        except BeingErased:  # the caller may not learn that somebody else is being erased
            return None
        return (identity.communication_user_id, f"{kind.value}:{id_}") if identity else None

    def caller_id(self, names: dict[str, str], requested: str | None) -> str | None:
        """The number that the called phones show; None if no phone is called.

        Args:
            names: as `resolve` returns them.

        Raises:
            InvalidRequest: a number was requested that is not the resource's own.
            NotConfigured: the settings name no number of the resource.
        """
        if all(names.values()):
            return None
        if requested is not None and requested != self._settings.caller_id:
            fault = Fault("body", "callerId", "is no number of this service")
            raise InvalidRequest("callerId is no number of this service.", faults=[fault])
        if not self._settings.caller_id:
            raise NotConfigured("CALLER_ID_NUMBER is not set.")
        return self._settings.caller_id

    def check_source(self, source: PlaySource, field_prefix: str) -> None:
        """Check that ACS may fetch the audio from its host, or that a text can be spoken.

        Raises:
            InvalidRequest: the URL is not https, or its host is not in the settings.
            NotConfigured: no service that speaks texts is set.
        """
        if source.text is not None and not self._settings.speech_endpoint:
            raise NotConfigured("COGNITIVE_SERVICES_ENDPOINT is not set.")
        if source.url is None:
            return
        parts = urlsplit(source.url) if is_safe_url(source.url) else None
        if (
            parts is None
            or parts.scheme != "https"
            or parts.netloc.lower() not in self._settings.play_hosts
        ):
            message = "is not https of a host in PLAY_SOURCE_HOSTS"
            fault = Fault("body", f"{field_prefix}url", message)
            raise InvalidRequest(f"url {message}.", faults=[fault])
