"""The resource accounts of Teams whose calls the resource has, and the people who may be in these
calls."""

from collections.abc import Collection, Mapping, Sequence

from devstack.acs_emulator.calls.answers import (
    foreign_caller_id,
    invalid_for_teams,
    missing_caller_id,
    no_consent,
    not_emulated,
)
from devstack.acs_emulator.calls.bodies import CreateCall
from devstack.acs_emulator.calls.connections import Call
from devstack.acs_emulator.identity.assignments import AssignmentStore
from devstack.acs_emulator.wire.identifiers import (
    PHONE,
    PUBLIC_CLOUD,
    TEAMS_APP,
    agent_of,
    is_phone,
)


class TeamsAccounts:
    """
    Args:
        caller_id: the phone number of the resource, by which other calls reach phones.
        numbers: the phone numbers of accounts, which Teams knows: object id by number.
        voice_apps: the ids of auto attendants and call queues, which clients call.
    """

    def __init__(
        self,
        assignments: AssignmentStore,
        *,
        resource_id: str,
        caller_id: str,
        numbers: Mapping[str, str],
        voice_apps: Collection[str],
    ) -> None:
        self._voice_apps = voice_apps
        self.numbers = numbers
        self._assignments = assignments
        self._resource_id = resource_id
        self._caller_id = caller_id

    def callee_of(self, raw_id: str) -> str:
        """The target of a dialled number: the account, if the number is an account's."""
        account = self.numbers.get(raw_id.removeprefix(PHONE))
        return raw_id if account is None else TEAMS_APP + account

    def is_voice_app(self, raw_id: str) -> bool:
        """Whether it takes calls of clients by itself."""
        return account_of(raw_id) in self._voice_apps

    def may_ring(self, callee: str) -> bool:
        """Whether an app is told of a call. Documented: without consent there is silence."""
        account = account_of(callee)
        return account is None or self._assignments.is_account(account)

    def is_agent(self, raw_id: str) -> bool:
        """Whether it is a person who may take part in calls of this resource."""
        agent = agent_of(raw_id)
        return (
            agent is not None
            and agent.resource_id == self._resource_id
            and self._assignments.is_agent(agent)
        )

    def check_new_call(self, body: CreateCall) -> None:
        """
        Raises:
            AcsError: the call may not be placed.
        """
        source = body.teams_app_source
        if source is None:
            self.check_addition(None, body.targets, body.source_caller_id_number)
            return
        if source.cloud.lower() != PUBLIC_CLOUD:
            raise not_emulated("clouds other than the public one")
        if body.source is not None:
            raise invalid_for_teams("source", "The account is the source.")
        _refuse_names(body.source_caller_id_number, body.source_display_name)
        if not all(map(is_phone, body.targets)):
            raise invalid_for_teams("targets", "Only phones are called.")
        if not self._assignments.is_account(source.app_id):
            raise no_consent()

    def check_addition(
        self,
        call: Call | None,
        targets: Sequence[str],
        caller_id: str | None,
        display_name: str | None = None,
    ) -> None:
        """Whether targets may be called.

        Args:
            call: the call that they are called into; None: a new one without Teams.

        Raises:
            AcsError: they may not.
        """
        if call is not None and call.teams_account is not None:
            _refuse_names(caller_id, display_name)
            if not all(is_phone(target) or agent_of(target) for target in targets):
                raise invalid_for_teams("participants", "Only phones and agents can be added.")
            return
        if any(agent_of(target) for target in targets):
            raise invalid_for_teams("participants", "Agents take calls of Teams accounts only.")
        if not any(map(is_phone, targets)):
            return
        if caller_id is None:
            raise missing_caller_id()
        if caller_id != self._caller_id:
            raise foreign_caller_id(caller_id, self._caller_id)


def account_of(raw_id: str) -> str | None:
    """The object id of the resource account whose raw id it is."""
    return raw_id.removeprefix(TEAMS_APP) if raw_id.startswith(TEAMS_APP) else None


def _refuse_names(caller_id: str | None, display_name: str | None) -> None:
    """Documented: the account's number is shown."""
    if caller_id is not None:
        raise invalid_for_teams("sourceCallerIdNumber", "The account's number is shown.")
    if display_name is not None:
        raise invalid_for_teams("sourceDisplayName", "The account's name is shown.")
