"""The kinds of rows, and the names and types of their properties: a contract."""

from collections import defaultdict

from tests.golden.rows import TABLES, StoredRow, golden_rows

S, T, B, N, L = "Edm.String", "Edm.DateTime", "Edm.Boolean", "Edm.Int32", "Edm.Int64"
SHARED = {
    "kind": S,
    "locator": S,
    "sharedAt": T,
    "hostId": S,
    "title": S,
    "hostName": S,
    "startsAt": T,
    "endsAt": T,
}
# Every property that a row of each kind may have, and the types that it may be stored as.
PROPERTIES: dict[str, dict[str, str]] = {
    "mapping": {
        "kind": S,
        "realm": S,
        "id": S,
        "displayName": S,
        "namedAt": T,
        "communicationUserId": S,
        "generation": N,
        "version": L,
        "toldVersion": L,
        "createdAt": T,
        "state": S,
        "erasedAt": T,
    },
    "tombstone": {"erasedAt": T},
    "mark of an erasure": {"kind": S, "realm": S, "id": S, "state": S, "erasedAt": T},
    "spare": {"communicationUserId": S, "createdAt": T, "reaping": B},
    "reverse": {"principal": S, "communicationUserId": S, "createdAt": T},
    "place of a bot": {"createdAt": T, "attempt": S, "state": S},  # earlier: only createdAt
    "friendship": {
        "friendId": S,
        "mine": S,
        "mineSeq": f"{N} {L}",
        "theirs": S,
        "theirsSeq": f"{N} {L}",
        "theirsName": S,
        "theirsUserId": S,
        "theirsResource": S,
        "theirsVersion": L,
        "state": S,
    },
    # Earlier versions stored the locator, too.
    "invitation": {"role": S, "owner": S, "consent": S, "space": S, "places": S, **SHARED},
    "record of a shared call": {
        "sharing": S,
        "owner": S,
        "realm": S,
        "provenAt": T,
        "consent": S,
        **SHARED,
        "invitees": S,
        "leaving": S,
        "space": S,
        "formerSpace": S,
        "spaceName": S,
        "revision": N,
        "fallback": S,
        "details": S,
        "settled": B,
    },
    "meeting id": {"callId": S},
    "meeting": {
        "making": S,
        "organizer": S,
        "graphId": S,
        "provenAt": T,
        "endsAt": T,
        "cancelling": B,
        "tentative": B,
    },
    "record of a call": {
        "creator": S,
        "realm": S,
        "createdAt": T,
        "state": S,
        "reason": S,
        "connectionId": S,
        "serverCallId": S,
        "connectedAt": T,
        "endedAt": T,
        "sequence": f"{N} {L}",
        "members": S,
        "members2": S,
        "targets": S,
        "groupId": S,
        "account": S,
        "ownId": S,
        "isRefused": B,
        "isAbandoned": B,
        "actions": S,
        "attendance": S,
        "salt": S,
        "reconciledAt": T,
        "recordings": S,
    },
    "event": {"kind": S, "at": T},
    "index": {"callId": S, "request": S, "live": B, "guest": S},
    "rang": {"callId": S, "bot": S, "createdAt": T, "live": B},
    "live": {"createdAt": T, "calls": S, "callsToBots": S, "callsToAccount": S, "legs": S},
    "request": {"callId": S, "wish": S, "createdAt": T},
    "recording": {"callId": S, "createdAt": T, "files": S},
    "agent": {"tenant": S, "objectId": S, "state": S, "attempt": S, "addedAt": T},
}


def kind_of(table: str, row: StoredRow) -> str:
    """The kind of a row, by its keys and its properties."""
    match table:
        case "identities":
            return _kind_of_identity_row(row)
        case "meetings":
            return "meeting id" if row.row_key.startswith("x-") else "meeting"
        case "calls" if row.row_key == "call":
            return "record of a call"
        case "calls":
            return {"call": "index"}.get(found := row.row_key.partition("-")[0], found)
    return {
        "agents": "agent",
        "friends": "friendship",
        "invitations": "invitation",
        "sharedcalls": "record of a shared call",
    }[table]


def _kind_of_identity_row(row: StoredRow) -> str:
    if row.row_key == "principal":
        return "reverse"
    if row.row_key.startswith("spare-"):
        return "spare"
    if row.row_key.startswith("bot-"):
        return "place of a bot"
    if "communicationUserId" in row.types:
        return "mapping"
    return "tombstone" if row.types.keys() == {"erasedAt"} else "mark of an erasure"


def golden_by_kind() -> dict[str, list[StoredRow]]:
    by_kind = defaultdict[str, list[StoredRow]](list)
    for table in TABLES:
        for row in golden_rows(table):
            by_kind[kind_of(table, row)].append(row)
    return by_kind
