"""Every shared call reaches those, and only those, whom its owner had invited."""

from shared.app import App
from shared.sharing.audiences import Audience
from tests.golden.client import Json, refusal
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import ENTRA_REALM, signed_in, user

# Ids of calls, by the numbers that their group ids end with.
CALLS = {
    1: "3cbfbff10542d9ebd2c3b528ef1ef89579323b99aed9580e157c84fe9893a78b",
    2: "edc84873b2db3d7f9f726f1bf2ed07b1f5caf82670d645b8ba332369dd0e6b38",
    3: "85352835b856bb64941a1597fb96c1e815b6a82622a399fc20b4e52114b4dfa9",
    4: "91e1d3d16349bf06cf735bfe9b6a5c214e8103dedf338e3fcce670f7b340881c",
    5: "8fd7dab015af3e36da1a07f58a4e8fbf2af147111454067e7d2d731dec132d3f",
    # Sharing was begun, and cut off before the record was there, or any row but the owner's.
    6: "95124e05e7d3484df3b40bc56e0043114584c0a9b9cfaf43e02c009012404359",
    7: "182512f875f2b74fc81b7caedb047b4345f3ecad52b74042c0e92239259eea7d",
    # The audience was changed, and the rows do not follow the record yet.
    8: "98ee734a3614a77b284586c28300310c721dce952d5e32e81377b8596004c1b2",
    9: "1441b05e54824e650b0adb0320c22e2478ff071d962465bff4ae8cd8c8334ddd",
    # The record says that it is shared no longer, and the rows do not.
    10: "bd5de5348a124eb95aaa492f7b2be0690ffccf6459e9df63fe4cf8df37950ae9",
    11: "4e31b89ca22b9d9516c1d37d4f6ddc5ef280c21cd8ac5ee4882c85972415aaca",
    12: "4df5392cdbf35de5cd67ebb47546d24b81801e96593110b94b3624c3f8b5dcdc",
    13: "0bb4851d7e50a0cd78f1dcfe6a60ef79231353c1fd68970718539cef97c8db0c",
    # The owner's friend has ended the friendship.
    14: "cc203e4c68c4e5b1ab81e526c3207a245db030d5287bfe89719f591495a675e0",
}
HOSTS = {"owen": "Owen Oaks", "mara": "Mara Mills", "vera": "Vera Vale"}
EVENING, NIGHT = "2026-11-28T18:00:00.000Z", "2026-11-28T20:00:00.000Z"


def group(number: int) -> str:
    return f"acde0000-0000-4000-8000-0000000ca1{number:02}"


def call(
    number: int, title: str | None, host: str = "owen", *, mine: bool = False, **times: str
) -> Json:
    """As it is listed, although its rows say how to join."""
    return {
        "id": CALLS[number],
        "kind": "groupCall",
        "title": title,
        **times,
        "host": {"id": host, "displayName": HOSTS[host]},
        "mine": mine,
    }


CHOIR = call(1, "Choir ♫", startsAt=EVENING, endsAt=NIGHT)
OPEN_HOUSE = call(3, "Open house", startsAt=EVENING)
DRILL = call(4, "Fire drill", "mara")
LISTS: dict[str, list[Json]] = {
    "owen": [
        {**listed, "mine": True}
        for listed in (
            call(8, "Changed"),
            call(2, None),
            call(9, "Changed"),
            call(11, "Changed"),
            call(10, "Over"),
            call(12, "Changed"),
            call(13, "Changed"),
            CHOIR,
            OPEN_HOUSE,
        )
    ],
    "pia": [
        DRILL,
        call(8, "Changed"),
        call(2, None),
        call(11, "Changed"),
        call(10, "Over"),
        CHOIR,
    ],
    "quentin": [call(8, "Changed"), call(11, "Changed"), call(13, "Changed"), CHOIR],
    "rolf": [DRILL],
    "mara": [{**DRILL, "mine": True}],
    "una": [],
    "vera": [call(14, "Book club", "vera", mine=True)],
    "walt": [],
}
SPACES = {
    "lounge": [OPEN_HOUSE],
    "garden": [call(9, "Changed"), call(12, "Changed")],
    "cellar": [],
}


OPENED: list[tuple[str, int, Json]] = [
    *[("pia", number, one) for number, one in ((1, CHOIR), (2, call(2, None)), (4, DRILL))],
    ("quentin", 1, CHOIR),
    ("rolf", 4, DRILL),
    ("rolf", 3, OPEN_HOUSE),
    ("quentin", 8, call(8, "Changed")),
    ("owen", 7, {**call(7, "Not listed"), "mine": True}),
    ("owen", 9, {**call(9, "Changed"), "mine": True}),
    ("vera", 14, call(14, "Book club", "vera", mine=True)),
]
NOT_OPENED = [
    *[("rolf", number) for number in (1, 2, 7, 8, 9, 14)],
    ("quentin", 2),
    ("una", 5),  # it is over
    ("pia", 5),
    ("owen", 6),
    ("pia", 7),
    ("pia", 8),
    ("pia", 9),
    *[(who, number) for who in ("owen", "pia", "quentin") for number in (10, 11, 12, 13)],
    ("walt", 14),
]


async def test_everybody_finds_what_they_were_invited_to(
    sign_in: SignIn, changing: Changing
) -> None:
    """A listing removes the ended calls that it reads."""
    golden = changing("invitations", "sharedcalls")

    assert {who: await sign_in(who).invitations() for who in LISTS} == LISTS

    left = golden.now("invitations") + golden.now("sharedcalls")
    assert CALLS[5] not in {part for row in left for part in row.key}


async def test_everybody_of_the_realm_finds_what_is_in_a_space(sign_in: SignIn) -> None:
    of_realm, stranger = sign_in("rolf"), sign_in(user("gus", ENTRA_REALM))

    assert {space: await of_realm.invitations(space) for space in SPACES} == SPACES
    assert [await stranger.invitations(space) for space in SPACES] == [[], [], []]


async def test_whoever_may_join_opens_the_call(sign_in: SignIn) -> None:
    opened = [(who, await sign_in(who).invitation(CALLS[number])) for who, number, _ in OPENED]

    assert opened == [
        (who, {**one, "locator": {"groupId": group(number)}, "alternatives": []})
        for who, number, one in OPENED
    ]


async def test_nobody_else_opens_it(sign_in: SignIn) -> None:
    answers = [
        (who, number, await refusal(sign_in(who).invitation(CALLS[number])))
        for who, number in NOT_OPENED
    ]

    assert answers == [(who, number, "not-found") for who, number in NOT_OPENED]


async def test_what_was_taken_back_half_is_gone_when_that_is_repeated(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    """The record says whose rows may be there: those of invited people, of people invited before,
    and of both spaces."""
    golden = changing("invitations", "sharedcalls")
    for number in (6, 10, 11, 12, 13):
        await app.group_calls.unshare(signed_in("owen"), CALLS[number])

    assert await sign_in("pia").invitations() == [
        DRILL,
        call(8, "Changed"),
        call(2, None),
        CHOIR,
    ]
    assert await sign_in("quentin").invitations() == [call(8, "Changed"), CHOIR]
    assert await sign_in("rolf").invitations("garden") == [call(9, "Changed")]
    left = {row.row_key for row in golden.now("invitations")}
    assert not left & {CALLS[number] for number in (6, 10, 11, 12, 13)}
    records = {row.partition_key for row in golden.now("sharedcalls")}
    assert not records & {CALLS[number] for number in (6, 10, 11, 12, 13)}


async def test_what_was_changed_half_is_done_when_that_is_repeated(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("invitations", "sharedcalls")
    for number, invited in ((8, "quentin"), (9, "pia")):
        _, people, new = await app.group_calls.share(
            signed_in("owen", "Owen Oaks"),
            group(number),
            "Changed",
            None,
            None,
            Audience(users=(invited,)),
        )
        assert (people, new) == (1, False)

    opened = {call["id"] for call in await sign_in("pia").invitations()}
    assert CALLS[9] in opened
    assert CALLS[8] not in opened
    assert await sign_in("rolf").invitations("garden") == [call(12, "Changed")]


async def test_an_export_tells_what_is_shared(sign_in: SignIn) -> None:
    exported = (await sign_in("rolf").export())["invitations"]

    assert exported == [
        {
            "callId": CALLS[4],
            "role": "invitee",
            "kind": "groupCall",
            "sharedAt": "2026-11-28T12:01:00.000Z",
            "hostId": "mara",
            "title": "Fire drill",
            "hostName": "Mara Mills",
        }
    ]
    choir, *_ = [
        one for one in (await sign_in("owen").export())["invitations"] if one["callId"] == CALLS[1]
    ]
    assert choir == {
        "callId": CALLS[1],
        "role": "owner",
        "kind": "groupCall",
        "locator": '{"groupId": "acde0000-0000-4000-8000-0000000ca101"}',
        "sharedAt": "2026-11-28T12:01:00.000Z",
        "startsAt": EVENING,
        "endsAt": NIGHT,
        "hostId": "owen",
        "title": "Choir ♫",
        "hostName": "Owen Oaks",
        "audience": {"users": ["pia", "quentin"]},
    }
