"""The bytes of requests, which the load generator reads from a file."""

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import people, rows
from benchmarks.people import People

# The shortest lifetime that a request asks for. Each request asks for another lifetime, and so for
# a token of its own.
_FIRST_LIFETIME = 60


def request(method: str, path: str, bearer: str = "", body: Any = None) -> bytes:
    """A whole HTTP request to the app."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} /api{path} HTTP/1.1", "Host: 127.0.0.1"]
    if bearer:
        lines.append(f"Authorization: Bearer {bearer}")
    if method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode() + content


def write(requests: Iterable[bytes], file: Path) -> int:
    """Write requests as load.lua reads them: each after a line with its length.

    Returns:
        How many they are.
    """
    number = 0
    with file.open("wb") as output:
        for number, one in enumerate(requests, 1):  # noqa: B007
            output.write(b"%d\n%b" % (len(one), one))
    return number


def tokens(known: People, number: int) -> Iterator[bytes]:
    """A token for each user."""
    return (request("GET", "/token", known.bearer(n)) for n in range(number))


def fresh_tokens(known: People, users: int, number: int) -> Iterator[bytes]:
    """Requests for tokens of a few users. Each is for another lifetime, so that no token was made
    before."""
    for n in range(number):
        minutes = _FIRST_LIFETIME + n // users
        yield request("GET", f"/token?expiresInMinutes={minutes}", known.bearer(n % users))


def resolved_friends(known: People) -> Iterator[bytes]:
    for n in range(rows.PAIRS):
        path = f"/friends/{rows.friend_of(people.name(n))}"
        yield request("GET", path, known.bearer(n))


def raw_rows() -> Iterator[bytes]:
    """One of the three rows that each of `resolved_friends` reads, from the reference."""
    for n in range(rows.PAIRS):
        user = people.name(n)
        owner, friend = people.mapping_key(user), people.mapping_key(rows.friend_of(user))
        yield request("GET", f"/row?owner={owner}&friend={friend}")


def buddy_list(known: People, user: int) -> Iterator[bytes]:
    yield request("GET", "/friends", known.bearer(user))


def raw_buddy_list(user: int) -> Iterator[bytes]:
    yield request("GET", f"/rows?owner={people.mapping_key(people.name(user))}")


def sharings(known: People, invited: int, number: int) -> Iterator[bytes]:
    """Group calls that owners in turn share with their friends, each another call."""
    for n in range(number):
        yield sharing(known, n % rows.SHARERS, invited)


def sharing(known: People, owner: int, invited: int) -> bytes:
    friends = rows.friends_of(people.name(owner), invited)
    body = {"groupId": str(uuid.uuid4()), "title": "Coffee", "audience": {"users": friends}}
    return request("POST", "/groupCalls", known.bearer(owner), body)


def raw_inserts(invited: int, number: int) -> Iterator[bytes]:
    for _ in range(number):
        yield request("POST", f"/rows?number={invited}")


def invitations(known: People, users: Iterable[int]) -> Iterator[bytes]:
    """A list for each user."""
    return (request("GET", "/invitations", known.bearer(user)) for user in users)


def events(known: People, number: int) -> Iterator[bytes]:
    """Events of calls in turn, each another event."""
    token = known.callback_token()
    now = datetime.now(UTC).isoformat()
    for n in range(number):
        call = n % rows.LIVE_CALLS
        caller = {"identifier": {"rawId": people.acs_id(people.name(call))}, "isMuted": False}
        event = {
            "id": str(uuid.uuid4()),
            "specversion": "1.0",
            "type": "Microsoft.Communication.ParticipantsUpdated",
            "source": f"calling/callConnections/{rows.connection_id(call)}",
            "time": now,
            "data": {
                "callConnectionId": rows.connection_id(call),
                "serverCallId": f"server-{call}",
                "sequenceNumber": n // rows.LIVE_CALLS + 1,
                "participants": [caller],
            },
        }
        yield request("POST", f"/callEvents/{rows.call_id(call)}", token, [event])
