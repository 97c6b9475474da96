"""Dialling: whom a caller may have called, by which number, and what may be played to them.

Whoever calls numbers pays: none may be called unless its prefix is in the settings.
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
    """Somebody to be called: exactly one of the three."""

    user: str | None = None
    bot: str | None = None
    phone_number: str | None = None

    @property
    def field(self) -> str:
        """The one that it is, as bodies name it."""
        if self.phone_number is not None:
            return "phoneNumber"
        return "user" if self.user is not None else "bot"


_REFUSED = {
    "user": "has no identity here",
    "bot": "has no identity here",
    "phoneNumber": "may not be called from here",
}


class Dialling:
    """Judges what callers wish for; asks storage, never ACS."""

    def __init__(self, identities: Identities, settings: CallSettings) -> None:
        self._identities = identities
        self._settings = settings

    async def raw_ids(self, realm: str, targets: Sequence[Target], where: str) -> dict[str, str]:
        """The ACS ids of who is meant, with their names for users and bots.

        Args:
            where: they are in the body, with `{}` for which of them.

        Raises:
            InvalidRequest: somebody has no identity here, or a number may not be dialled.
        """
        named = list(enumerate(targets))
        found = dict[int, tuple[str, str] | None]()

        async def look_up(one: tuple[int, Target]) -> None:
            n, target = one
            found[n] = await self._raw_id(realm, target)

        await for_each(named, look_up)
        faults = [
            Fault("body", f"{where.format(n)}{target.field}", _REFUSED[target.field])
            for n, target in named
            if found[n] is None
        ]
        if faults:
            raise InvalidRequest("Not everybody can be called.", faults=faults)
        return dict(pair for n, _ in named if (pair := found[n]) is not None)

    async def _raw_id(self, realm: str, target: Target) -> tuple[str, str] | None:
        """ACS id and name; None for who may not be called."""
        if target.phone_number is not None:
            may = target.phone_number.startswith(self._settings.dial_prefixes)
            return (f"4:{target.phone_number}", "") if may else None
        kind = Kind.USER if target.user is not None else Kind.BOT
        name = target.user or target.bot or ""
        try:
            identity = await self._identities.find(Principal(kind, realm, name))
        except BeingErased:  # theirs, which is not the caller's to know
            return None
        return (identity.communication_user_id, f"{kind.value}:{name}") if identity else None

    def caller_id(self, known: dict[str, str], given: str | None) -> str | None:
        """The number that phones show: the resource's own, whatever was asked for."""
        if all(known.values()):
            return None
        if given is not None and given != self._settings.caller_id:
            fault = Fault("body", "callerId", "is no number of this service")
            raise InvalidRequest("callerId is no number of this service.", faults=[fault])
        if not self._settings.caller_id:
            raise NotConfigured("CALLER_ID_NUMBER is not set.")
        return self._settings.caller_id

    def check_source(self, source: PlaySource, where: str) -> None:
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
            fault = Fault("body", f"{where}url", message)
            raise InvalidRequest(f"url {message}.", faults=[fault])
