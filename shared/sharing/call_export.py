"""The part of an export about shared calls. For the person's own calls it says also with whom they
are shared, and how to join."""

from collections.abc import Iterable

from shared.friends.friendships import Friendships
from shared.identity.identities import Identities
from shared.sharing.rows import Consent, Invitation, Role, SharedCallRecord
from shared.sharing.shared_calls import SharedCalls
from shared.upstream.concurrency import for_each


class CallExport:
    """Reads the records of the calls that somebody shares."""

    def __init__(
        self, calls: SharedCalls, friendships: Friendships, identities: Identities
    ) -> None:
        self._calls = calls
        self._friendships = friendships
        self._identities = identities

    async def of(self, person: str, invitations: list[Invitation]) -> list[dict[str, object]]:
        """The calls of a listing, without those that are just being shared.

        For somebody else's call only what the listing shows: to learn how to join, one opens it.

        Args:
            person: the PartitionKey of the mapping of the person whose listing this is.
        """
        records: dict[str, SharedCallRecord] = {}
        names: dict[str, str] = {}

        async def read(call_id: str) -> None:
            record = await self._calls.find(call_id)
            if record is not None and record.owner == person and record.content is not None:
                records[call_id] = record

        await for_each((own.call_id for own in invitations if own.role is Role.OWNER), read)
        if any(record.invitees for record in records.values()):
            names = await self._friendships.ids_of_friends(person)
        await self._add_names(records.values(), names)
        return [
            {
                "callId": invitation.call_id,
                "role": invitation.role.value,
                **invitation.content.values(),
                **_own_parts(records.get(invitation.call_id), names),
            }
            for invitation in invitations
            if invitation.content is not None
        ]

    async def _add_names(self, records: Iterable[SharedCallRecord], names: dict[str, str]) -> None:
        """Add the ids of invitees who need not be friends, by the keys of their mappings."""

        async def add(invitee: str) -> None:
            row = await self._identities.row_under(invitee)
            if row is not None and "id" in row.values:
                names[invitee] = str(row.values["id"])

        invited = (record.invitees for record in records if record.consent is Consent.ROLE)
        await for_each(frozenset[str]().union(*invited) - names.keys(), add)


def _own_parts(record: SharedCallRecord | None, names: dict[str, str]) -> dict[str, object]:
    if record is None or record.content is None:
        return {}
    users = sorted(names[invitee] for invitee in record.invitees if invitee in names)
    # Earlier versions kept the hash of a space's name alone.
    audience = {"space": record.space_name or record.space} if record.space else {"users": users}
    details = record.details
    return {
        **record.content.values(),
        "audience": audience,
        **({} if details is None else {"joinDetails": details.exported()}),
    }
