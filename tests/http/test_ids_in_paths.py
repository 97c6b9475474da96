"""An id that nobody can have is answered like one that nobody has, and storage is not asked."""

import base64
import uuid

from tests.calls.test_calls import PHONE, place
from tests.friends.test_friends_secrecy import told
from tests.support.people import People, Person
from tests.support.stack import Host
from tests.support.table_proxy import TableProxy

ROLES = ["Bots.Operate", "Calls.Manage", "Meetings.Schedule"]


def encoded(text: bytes) -> str:
    return "~" + base64.urlsafe_b64encode(text).rstrip(b"=").decode()


TOO_LONG = [
    "x" * 257,
    "x" * 8000,
    encoded(b"x" * 257),
    encoded("\U0001f600".encode() * 257),
]
# They have neither form that an id of a person or a bot has in a path.
MALFORMED = [encoded(b"\xff"), "~", "~~", "~===", "a%20b", "%F0%9F%98%80", "%00"]
# Ids that this service never makes.
NOT_OURS = ["nobody", "0" * 31, "A" * 64, "0" * 65, "0" * 4000, encoded(b"0" * 60)]
NOT_OURS += [*TOO_LONG, *MALFORMED]
KEY = {"Idempotency-Key": "some-key"}
# Method, path and body of a request with an unknown id of the kind.
OF_PEOPLE: list[tuple[str, str, object]] = [
    ("GET", "/friends/{}", None),
    ("DELETE", "/friends/{}", None),
    ("DELETE", "/friends/{}?block=true", None),
    ("GET", "/bots/{}", None),
    ("DELETE", "/bots/{}", None),
    ("POST", "/bots/{}/token", None),
    ("DELETE", "/bots/{}/token", None),
]
OF_OURS: list[tuple[str, str, object]] = [
    ("GET", "/invitations/{}", None),
    ("DELETE", "/groupCalls/{}", None),
    ("DELETE", "/meetings/{}", None),
    ("GET", "/calls/{}", None),
    ("DELETE", "/calls/{}", None),
    ("POST", "/calls/{}/participants", {"phoneNumber": PHONE}),
    ("DELETE", "/calls/{}/participants/" + "0" * 32, None),
    ("POST", "/calls/{}/play", {"url": "https://audio.example.com/hello.wav"}),
    ("POST", "/calls/{}/tones", {"from": {"phoneNumber": PHONE}, "maxTones": 1}),
]


async def asks_storage_for_what_may_be_there_only(
    person: Person,
    tables: TableProxy,
    request: tuple[str, str, object],
    unknown: str,
    impossible: list[str],
) -> None:
    method, path, body = request
    tables.requests.clear()
    expected = told(await person.ask(path.format(unknown), method, body, **KEY))
    assert tables.requests.total() > 0, (path, expected)
    assert expected[0] in (204, 404)

    for id_ in impossible:
        tables.requests.clear()
        reply = await person.ask(path.format(id_), method, body, **KEY)
        assert told(reply) == expected, id_[:80]
        assert not tables.requests, id_[:80]


async def test_an_id_that_no_person_and_no_bot_can_have(
    counted_host: Host, tables: TableProxy, people: People
) -> None:
    [person] = people(counted_host, "person")
    person.sign_in(*ROLES)
    for request in OF_PEOPLE:
        await asks_storage_for_what_may_be_there_only(
            person, tables, request, uuid.uuid4().hex, TOO_LONG
        )


async def test_an_id_that_this_service_does_not_make(
    counted_host: Host, tables: TableProxy, people: People
) -> None:
    [person] = people(counted_host, "person")
    person.sign_in(*ROLES)
    for request in OF_OURS:
        unknown = uuid.uuid4().hex if "/calls/" in request[1] else uuid.uuid4().hex * 2
        await asks_storage_for_what_may_be_there_only(person, tables, request, unknown, NOT_OURS)


async def test_a_participant_that_cannot_be_is_not_there(manager: Person) -> None:
    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]

    replies = [
        told(await manager.ask(f"/calls/{call}/participants/{id_}", "DELETE"))
        for id_ in ("0" * 32, *NOT_OURS)
    ]

    assert replies[0][0] == 404
    assert all(reply == replies[0] for reply in replies)


async def test_an_id_that_is_written_wrongly_or_that_nobody_can_get_is_refused_as_that(
    counted_host: Host, tables: TableProxy, people: People
) -> None:
    [person] = people(counted_host, "person")
    person.sign_in(*ROLES)
    requests = [(request, id_) for request in OF_PEOPLE for id_ in MALFORMED]
    for id_ in (*TOO_LONG, *MALFORMED):
        requests.append((("PUT", "/friends/{}", None), id_))
        requests.append((("PUT", "/bots/{}", {"displayName": "Bot"}), id_))

    for (method, path, body), id_ in requests:
        refused = await person.ask(path.format(id_), method, body)
        assert (refused.status, refused.json["errors"][0]["in"]) == (400, "path"), id_[:80]
        assert "1 to 256 characters" in refused.json["errors"][0]["message"]
    assert not tables.requests
