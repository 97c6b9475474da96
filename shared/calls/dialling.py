"""Rules of dialling: which people and numbers a caller may call, with which caller id, and what may
be played.

The owner of the resource pays for calls to phone numbers: none may be called unless the settings
allow its prefix.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.calls.acs_types import PlaySource
from shared.calls.agents import AgentDirectory
from shared.calls.settings import CallSettings
from shared.identity.identities import Identities
from shared.identity.resource_accounts import ResourceAccount
from shared.principals import Kind, Principal
from shared.problems import BeingErased, Fault, InvalidRequest, NotConfigured
from shared.upstream.concurrency import for_each
from shared.urls import is_safe_url


@dataclass(frozen=True)
class Target:
    """Somebody to call: exactly one of the four is set.

    Attributes:
        agent: the object id of a Teams user who takes part in calls of resource accounts.
    """

    user: str | None = None
    bot: str | None = None
    phone_number: str | None = None
    agent: str | None = None

    @property
    def field(self) -> str:
        """The name, in request bodies, of the field that is set."""
        if self.phone_number is not None:
            return "phoneNumber"
        if self.agent is not None:
            return "agent"
        return "user" if self.user is not None else "bot"


@dataclass(frozen=True)
class Source:
    """The caller, as the called people see it.

    Attributes:
        caller_id: a number of the resource; None if no phone is called, or an account calls.
        account: object id of the Teams resource account that calls; None in a call without one.
    """

    caller_id: str | None = None
    account: str | None = None


@dataclass(frozen=True)
class Invitee:
    """Who is invited to a call.

    Attributes:
        name: `user:…`, `bot:…` or `agent:…`; empty for a phone number.
        caller_id: the number that the phone shows; None if it is no phone, or an account calls.
    """

    raw_id: str
    name: str
    caller_id: str | None


# By the field of a target: where the fault is, and what it is. The prefixes are not named, because
# an operator may have listed whole phone numbers.
_FAULTS = {
    "user": ("body", "has no identity here"),
    "bot": ("body", "has no identity here"),
    "phoneNumber": ("policy", "does not begin with a prefix in DIAL_PREFIXES"),
    "agent": ("body", "is not an agent of the tenant of the call's Teams resource account"),
}
_HINTS = {
    "user": "A person gets an identity with their first GET /token.",
    "bot": "A bot gets an identity with PUT /bots/{botId}.",
    "phoneNumber": "The setting DIAL_PREFIXES says which phone numbers may be called.",
}
_NO_PREFIXES = "The setting DIAL_PREFIXES is empty, so no phone number may be called."


class Dialling:
    """Checks what callers ask for. Reads storage and never asks ACS."""

    def __init__(
        self,
        identities: Identities,
        settings: CallSettings,
        accounts: Mapping[str, Sequence[ResourceAccount]],
        agents: AgentDirectory,
    ) -> None:
        """
        Args:
            accounts: by realm, the Teams resource accounts that its people call as.
        """
        self._identities = identities
        self._settings = settings
        self._accounts = accounts
        self._agents = agents

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
            _fault(target.field, field_prefix.format(n))
            for n, target in numbered
            if resolved[n] is None
        ]
        if faults:
            lacking = {target.field for n, target in numbered if resolved[n] is None}
            no_prefixes = {} if self._settings.dial_prefixes else {"phoneNumber": _NO_PREFIXES}
            hints = [hint for field, hint in (_HINTS | no_prefixes).items() if field in lacking]
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

    async def invitee(self, realm: str, target: Target, account_id: str | None) -> Invitee:
        """Find who is invited to an ongoing call.

        Args:
            account_id: the Teams resource account of the call; None in a call without one.

        Raises as `resolve` and `source`; InvalidRequest also if a call of this kind takes no such
        invitee.
        """
        if account_id is None:
            if target.agent is not None:
                fault = "can be invited only to a call of a Teams resource account"
                raise _invalid(fault, target.field)
            [(raw_id, name)] = (await self.resolve(realm, [target], "")).items()
            return Invitee(raw_id, name, self._caller_id(None) if not name else None)
        if target.agent is None and target.phone_number is None:
            # Phones and agents can be added to it. For users of ACS nothing is documented.
            fault = "cannot be invited to a call of a Teams resource account: agents and phones can"
            raise _invalid(fault, target.field)
        if target.agent is not None:
            raw_id = await self.agent(realm, target.agent, account_id) or ""
            if not raw_id:
                raise _invalid(_fault(target.field).message, target.field)
            return Invitee(raw_id, f"agent:{target.agent.lower()}", None)
        [raw_id] = await self.resolve(realm, [target], "")
        return Invitee(raw_id, "", None)

    async def agent(self, realm: str, object_id: str, account_id: str) -> str | None:
        """Raw id of an agent of the tenant of an account; None if the realm has no such agent, or
        no such account."""
        for account in self._accounts.get(realm, ()):
            if account.id == account_id:
                return await self._agents.find(realm, object_id.lower(), account.tenant)
        return None

    def source(
        self,
        realm: str,
        targets: Sequence[Target],
        caller_id: str | None,
        account_name: str | None,
    ) -> Source:
        """The caller of these: a Teams resource account, if one can call them, or else the
        resource.

        Args:
            realm: that of the caller; an account of another realm is none.
            caller_id: the number that was requested, which is the resource's or an account's.
            account_name: the name of the account that was requested.

        Raises:
            InvalidRequest: no such number or account, or nobody can tell which of several accounts,
                or an account is to call others than phones.
            NotConfigured: a setting is missing, or does not let calls without an account be placed.
        """
        has_phones = any(target.phone_number is not None for target in targets)
        if has_phones and self._is_for_account(realm, caller_id):
            # Before an account has to be named: no account can call the others.
            self._check_only_phones(targets)
        account = self._account(realm, caller_id, account_name) if has_phones else None
        if account is not None:
            return Source(account=account.id)
        if not self._settings.standalone:
            raise NotConfigured(
                "STANDALONE_CALLS is false: only Teams resource accounts (TEAMS_RESOURCE_ACCOUNTS)"
                " call, and they call phone numbers."
            )
        return Source(caller_id=self._caller_id(caller_id) if has_phones else None)

    def _is_for_account(self, realm: str, caller_id: str | None) -> bool:
        """Whether an account is to call phones, whichever it is."""
        accounts = self._accounts.get(realm, ())
        if caller_id is None:
            return bool(accounts)
        return any(one.number == caller_id for one in accounts)

    def _check_only_phones(self, targets: Sequence[Target]) -> None:
        """Check the targets of an account.

        Raises:
            InvalidRequest: others are among them; it says what this service would do instead.
        """
        others = [
            Fault("body", f"to.{n}.{target.field}", "cannot be called by a Teams resource account")
            for n, target in enumerate(targets)
            if target.phone_number is None
        ]
        if not others:
            return
        message = (
            "A Teams resource account calls phone numbers only. Call them alone, and invite phone"
            " numbers or agents once the call is connected."
        )
        if self._settings.standalone and self._settings.caller_id:
            message += (
                " Or call all together without an account: give callerId, the number of this"
                " service (CALLER_ID_NUMBER), and no from."
            )
        raise InvalidRequest(message, faults=others)

    def _account(
        self, realm: str, caller_id: str | None, name: str | None
    ) -> ResourceAccount | None:
        """The account that is to call phones; None if the resource itself is to."""
        accounts = self._accounts.get(realm, ())
        if name is not None:
            if not accounts:
                raise NotConfigured("TEAMS_RESOURCE_ACCOUNTS has no account of the caller's realm.")
            named = next((one for one in accounts if one.name == name), None)
            if named is None:
                fault = (
                    "is not the name of a Teams resource account of the caller's realm"
                    " (TEAMS_RESOURCE_ACCOUNTS)"
                )
                raise _invalid(fault, "from", "policy")
            return named
        if caller_id is not None:
            return next((one for one in accounts if one.number == caller_id), None)
        if len(accounts) > 1:
            fault = "has to name one of the Teams resource accounts (TEAMS_RESOURCE_ACCOUNTS)"
            raise _invalid(fault, "from", "policy")
        return accounts[0] if accounts else None

    def _caller_id(self, requested: str | None) -> str:
        """The number of the resource that the called phones show."""
        if requested is not None and requested != self._settings.caller_id:
            fault = "is not a number of this service (CALLER_ID_NUMBER, TEAMS_RESOURCE_ACCOUNTS)"
            raise _invalid(fault, "callerId", "policy")
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
            fault = Fault("policy", f"{field_prefix}url", message)
            raise InvalidRequest(f"url {message}.", faults=[fault])


def _fault(field: str, prefix: str = "") -> Fault:
    where, message = _FAULTS[field]
    return Fault(where, f"{prefix}{field}", message)


def _invalid(fault: str, field: str, where: str = "body") -> InvalidRequest:
    return InvalidRequest(f"{field} {fault}.", faults=[Fault(where, field, fault)])
