"""Every friendship is as its two people left it, and nobody who was removed is back."""

from shared.app import App
from tests.golden.client import Json, acs, refusal
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import signed_in, user


def accepted(id_: str, name: str | None, rest: str) -> Json:
    return {
        "id": id_,
        "displayName": name,
        "state": "accepted",
        "communicationUserId": acs(rest),
    }


def requested(id_: str) -> Json:
    return {"id": id_, "displayName": None, "state": "requested"}


def incoming(id_: str, name: str) -> Json:
    return {"id": id_, "displayName": name, "state": "incoming"}


IS_FRIEND = [accepted("amy", "Amy Ames", "2053-014c-8a47c9da14c6")]
LISTS: dict[str, list[Json]] = {
    "amy": [
        accepted("bea", "Bea Bond", "2053-017f-a0d5bcccabaf"),
        accepted("carl", None, "2053-01b7-cfb9a81ce72c"),
        requested("dora"),
        incoming("ed", "Ed Eden"),
        requested("kim"),
        requested("lars"),
        requested("mona, who was never here"),
        accepted("tess", "Tess Todd", "2053-04c7-5394c1ea24d2"),
    ],
    "bea": IS_FRIEND,
    "carl": IS_FRIEND,
    "tess": IS_FRIEND,
    "dora": [incoming("amy", "Amy Ames")],
    "mona, who was never here": [incoming("amy", "Amy Ames")],
    "otto, who was never here": [],
    # People who were declined, removed or blocked do not learn it.
    "ed": [requested("amy")],
    "finn": [requested("amy")],
    "hugo": [requested("amy")],
    "joel": [requested("amy")],
    "nell": [requested("amy")],
    "gia": [],
    "kim": [],
    "lars": [],
    # The host died before it could tell sam.
    "rita": [requested("sam")],
    "sam": [],
    # They became friends on another ACS resource; quin has no identity on this one.
    "olga": [
        accepted("pete", "Pete", "2053-2191-231b5c341a01"),
        {"id": "quin", "displayName": "Quin", "state": "accepted"},
    ],
    "pete": [accepted("olga", "Olga", "2053-2147-db9f19b3c5e0")],
}


NO_FRIENDS = [
    *[("amy", friend) for friend in ("dora", "ed", "finn", "gia", "hugo", "iris", "joel")],
    *[("amy", friend) for friend in ("kim", "lars", "mona, who was never here", "nell")],
    *[(who, "amy") for who in ("dora", "ed", "finn", "gia", "hugo", "joel", "kim", "nell")],
    ("rita", "sam"),
    ("sam", "rita"),
    ("olga", "quin"),
]


async def test_everybody_has_the_friends_that_they_had(sign_in: SignIn) -> None:
    assert {who: await sign_in(who).friends() for who in LISTS} == LISTS


async def test_an_accepted_friend_can_be_called(sign_in: SignIn) -> None:
    found = [
        await sign_in(who).friend(friend)
        for who, friend in (("amy", "bea"), ("amy", "carl"), ("amy", "tess"), ("olga", "pete"))
    ]

    assert found == [
        accepted("bea", "Bea Bond", "2053-017f-a0d5bcccabaf"),
        accepted("carl", None, "2053-01b7-cfb9a81ce72c"),
        accepted("tess", "Tess Todd", "2053-04c7-5394c1ea24d2"),
        accepted("pete", "Pete", "2053-2191-231b5c341a01"),
    ]


async def test_nobody_else_can_be_called(sign_in: SignIn) -> None:
    answers = [await refusal(sign_in(who).friend(friend)) for who, friend in NO_FRIENDS]

    assert answers == ["not-found"] * len(NO_FRIENDS)


async def test_an_export_tells_what_was_said_about_whom(sign_in: SignIn) -> None:
    """A refusal of four hours ago is not shown any more: see `Friendship.told`."""
    exported = (await sign_in("amy").export())["friends"]

    assert sorted(exported, key=lambda one: str(one["id"])) == [
        {"id": "bea", "mine": "yes", "state": "accepted", "displayName": "Bea Bond"},
        {"id": "carl", "mine": "yes", "state": "accepted"},
        {"id": "dora", "mine": "yes", "state": "requested"},
        {"id": "ed", "mine": "none", "state": "incoming", "displayName": "Ed Eden"},
        {"id": "hugo", "mine": "block"},
        {"id": "kim", "mine": "yes", "state": "requested"},
        {"id": "lars", "mine": "yes", "state": "requested"},
        {"id": "mona, who was never here", "mine": "yes", "state": "requested"},
        {"id": "otto, who was never here", "mine": "block"},
        {"id": "tess", "mine": "yes", "state": "accepted", "displayName": "Tess Todd"},
    ]


async def test_a_block_outlives_the_erasure_of_the_blocked_person(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    """Blocked people ask again: amy learns nothing of hugo's request, nor of that of iris, who was
    erased."""
    changing("friends", "identities")
    for who in ("hugo", "iris"):
        asked, _ = await app.friends.add(signed_in(who), "amy")
        assert (asked.state.value, asked.communication_user_id) == ("requested", None)

    assert await sign_in("amy").friends() == LISTS["amy"]
    await app.personal_data.erase(signed_in("iris"))


async def test_what_a_kill_cut_off_is_finished_by_its_repetition(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("friends")

    _, is_new = await app.friends.add(signed_in("rita"), "sam")

    assert not is_new
    assert await sign_in("sam").friends() == [incoming("rita", "Rita Ross")]


async def test_an_answer_to_an_old_request_makes_friends(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("friends")

    await app.friends.add(signed_in("dora", "Dora Dean"), "amy")

    dora = await app.identities.find(user("dora"))
    assert dora is not None
    assert await sign_in("amy").friend("dora") == {
        "id": "dora",
        "displayName": "Dora Dean",
        "state": "accepted",
        "communicationUserId": dora.communication_user_id,
    }


async def test_whoever_declined_may_be_asked_anew_only_after_a_withdrawal(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    """The sequence numbers of the rows: an old request is not heard again, a new one is."""
    changing("friends")
    finn = signed_in("finn")
    await app.friends.add(finn, "amy")
    assert await sign_in("amy").friends() == LISTS["amy"]

    await app.friends.remove(finn, "amy", block=None)
    await app.friends.add(finn, "amy")

    assert incoming("finn", "Finn Ford") in await sign_in("amy").friends()
