"""Dialling: whom a caller may have called, by which number, and what may be played to them.

Whoever calls numbers pays: none may be called unless its prefix is in the settings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.call_automation import Sound
from shared.call_settings import CallSettings
from shared.identities import Identities
from shared.principals import Kind, Principal
from shared.problems import Fault, InvalidRequest, NotConfigured
from shared.urls import is_safe_url


@dataclass(frozen=True)
class Target:
    """Somebody to be called: exactly one of the three."""

    user: str | None = None
    bot: str | None = None
    phone_number: str | None = None


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
        found, faults = dict[str, str](), list[Fault]()
        for n, target in enumerate(targets):
            if target.phone_number is not None:
                if not target.phone_number.startswith(self._settings.dial_prefixes or ("none",)):
                    field = f"{where.format(n)}phoneNumber"
                    faults.append(Fault("body", field, "may not be called from here"))
                found[f"4:{target.phone_number}"] = ""
                continue
            kind = Kind.USER if target.user is not None else Kind.BOT
            name = target.user or target.bot or ""
            identity = await self._identities.find(Principal(kind, realm, name))
            if identity is None:
                field = f"{where.format(n)}{kind.value}"
                faults.append(Fault("body", field, "has no identity here"))
            else:
                found[identity.communication_user_id] = f"{kind.value}:{name}"
        if faults:
            raise InvalidRequest("Not everybody can be called.", faults=faults)
        return found

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

    def check_sound(self, sound: Sound, where: str) -> None:
        if sound.text is not None and not self._settings.speech_endpoint:
            raise NotConfigured("COGNITIVE_SERVICES_ENDPOINT is not set.")
        if sound.url is None:
            return
        parts = urlsplit(sound.url) if is_safe_url(sound.url) else None
        if (
            parts is None
            or parts.scheme != "https"
            or parts.netloc.lower() not in self._settings.play_hosts
        ):
            message = "is not https of a host in PLAY_SOURCE_HOSTS"
            fault = Fault("body", f"{where}url", message)
            raise InvalidRequest(f"url {message}.", faults=[fault])
