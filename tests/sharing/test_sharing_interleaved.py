"""Exactly the people whom the record names see a shared call, in every interleaving of requests,
wherever one is cut off.

As test_friends_interleaved. `--soak` searches for longer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.sharing.rows import RECORD_ROW, Role, SharedCallRecord, space_key
from shared.tables import INVITATIONS, SHARED_CALLS
from shared.upstream.clients import Upstream
from tests.support import sampling
from tests.support.deeds import Deed, Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.realms import SPACE
from tests.support.stack import Stack
from tests.support.storage import azurite_clients
from tests.support.world import World, searching

EXAMPLES = 20
AZURITE_EXAMPLES = 3

# Ann shares, and sometimes Ben; the others are invited, part, and are erased.
sharings = st.builds(
    Wish,
    kind=st.sampled_from(["share", "share", "share", "unshare"]),
    who=st.sampled_from([0, 0, 0, 1]),
    stop_after=st.sampled_from([0, 0, 0, *range(1, 12)]),
    audience=st.sampled_from(["friends", "friends", "space", "1", "12", "2"]),
    lose_after=st.sampled_from([0, 0, 0, 0, *range(1, 9)]),
    # What is shared again as it was writes no rows.
    title=st.sampled_from(["", "same"]),
)
partings = st.builds(
    Wish,
    kind=st.sampled_from(["remove", "block", "add", "forget"]),
    who=st.integers(0, 2),
    whom=st.integers(0, 2),
    stop_after=st.sampled_from([0, 0, 0, *range(1, 12)]),
    lose_after=st.sampled_from([0, 0, 0, 0, *range(1, 12)]),
).filter(lambda wish: wish.who != wish.whom)
looks = st.builds(
    Wish,
    kind=st.sampled_from(["list", "open"]),
    who=st.integers(0, 3),
    whom=st.integers(0, 1),
    audience=st.sampled_from(["", "", "space"]),
)


@searching(EXAMPLES)
@given(data=st.data())
@pytest.mark.usefixtures("no_pauses")
@pytest.mark.timeout(0 if sampling.soak else 240)
def test_everyone_sees_what_the_records_say_and_nobody_else_ever_saw_anything(
    data: st.DataObject,
) -> None:
    asyncio.run(_run(memory_clients(), data))


@searching(AZURITE_EXAMPLES)
@given(data=st.data())
@pytest.mark.usefixtures("no_pauses")
def test_everyone_sees_it_on_azurite_too(stack: Stack, data: st.DataObject) -> None:
    asyncio.run(_run_on_azurite(stack, data))


async def _run_on_azurite(stack: Stack, data: st.DataObject) -> None:
    upstream = Upstream()
    try:
        await _run(azurite_clients(stack, upstream), data)
    finally:
        await upstream.close()


async def _run(clients: Mapping[str, Any], data: st.DataObject) -> None:
    world = World(clients, Schedule())
    for who, whom in ((0, 1), (1, 0), (0, 2), (2, 0)):
        await world.alone(Wish("add", who, whom))
    drawn = data.draw(
        st.lists(st.one_of(sharings, sharings, partings, looks), min_size=2, max_size=6)
    )
    todo = [replace(wish, title=wish.title or f"title {n}") for n, wish in enumerate(drawn)]
    await world.interleave(todo, data)
    await world.repeat_all_that_was_cut_off()
    for owner in range(4):
        await _check_call(world, owner)
    _check_looks(world)


async def _check_call(world: World, owner: int) -> None:
    """The record says what the last request wanted, and everybody sees what the record says."""
    call = world.call_of(owner)
    row = await world.quietly(world.table(SHARED_CALLS).find(call, RECORD_ROW))
    record = None if row is None else SharedCallRecord.of(row)
    content = None if record is None else record.content
    assert (None if content is None else content.title) in _last_titles(world, owner)
    assert record is None or (content and not record.former_space)
    invited = set() if record is None else set(record.invitees)
    seers = {world.key_of(who): who for who in range(4)}
    for partition in (*seers, space_key(world.realm, SPACE)):
        found = await world.quietly(world.table(INVITATIONS).find(partition, call))
        assert (found is not None) == (
            partition in invited
            or (record is not None and partition in (world.key_of(owner), record.space))
        )
        if found is not None:
            assert found.values["title"] == content.title if content else False
    for who in range(4):
        listed = await world.alone(Wish("list", who))
        assert listed.listed is not None
        titles = [shared.content.title for shared in listed.listed if shared.call_id == call]
        is_shown = record is not None and (who == owner or world.key_of(who) in invited)
        assert titles == ([content.title] if is_shown and content else [])
    if record is not None:
        for key in invited:
            friend = seers[key]
            assert True in world.last_words(owner, friend)
            assert True in world.last_words(friend, owner)
        _check_nobody_is_left_out(world, owner, invited)
    assert Role.OWNER not in invited


def _last_titles(world: World, owner: int) -> set[str | None]:
    """The titles that the call may have in the end; None is among them if it need not be shared."""
    deeds = _deeds_about(world, owner)
    latest = max((deed.began for deed in deeds if deed.ended), default=0)
    last = [deed for deed in deeds if not deed.ended or deed.ended > latest]
    titles = {deed.wish.title if deed.wish.kind == "share" else None for deed in last}
    # Nobody knows how far a request came that was cut off, and whose repetition was refused.
    return titles if any(deed.ended for deed in deeds) else titles | {None}


def _deeds_about(world: World, owner: int) -> list[Deed]:
    return [
        deed
        for deed in world.deeds
        if deed.wish.who == owner
        and deed.wish.kind in ("share", "unshare", "forget")
        and deed.refused is None
    ]


def _check_nobody_is_left_out(world: World, owner: int, invited: set[str]) -> None:
    """If no other request ran during or after the last sharing, its whole audience is invited."""
    shares = [deed for deed in _deeds_about(world, owner) if deed.wish.kind == "share"]
    last = max(shares, key=lambda deed: deed.began)
    others = [deed for deed in world.deeds if deed is not last and deed.listed is None]
    if any(not deed.ended or deed.ended > last.began for deed in others):
        return
    wanted = {
        world.key_of(who)
        for who in range(4)
        if who != owner
        and last.wish.audience == "friends"
        and world.last_words(owner, who) == world.last_words(who, owner) == {True}
    }
    if last.wish.audience not in ("friends", "space"):
        wanted = {world.key_of(int(who)) for who in last.wish.audience if int(who) != owner}
    assert invited == wanted


def _check_looks(world: World) -> None:
    """Whatever was ever listed was shared with the one who looked."""
    for look in world.deeds:
        for shared in look.listed or ():
            if shared.mine:
                continue
            owner = next(who for who in range(4) if world.call_of(who) == shared.call_id)
            assert any(
                _may_show(world, deed, look) for deed in _shares(world, owner, shared.content.title)
            ), (look, shared)


def _shares(world: World, owner: int, title: str | None) -> list[Deed]:
    return [
        deed
        for deed in world.deeds
        if (deed.wish.kind, deed.wish.who, deed.wish.title) == ("share", owner, title)
    ]


def _may_show(world: World, share: Deed, look: Deed) -> bool:
    """Could this sharing, begun before the look was answered, show the call to its viewer?"""
    owner, viewer, audience = share.wish.who, look.wish.who, share.wish.audience
    if share.began > look.ended or _was_unshared(world, share, look):
        return False
    if audience == "space":
        return look.wish.audience == "space" or look.wish.kind == "open"
    if look.wish.kind == "list" and look.wish.audience == "space":
        return False
    if audience != "friends" and str(viewer) not in audience:
        return False
    return not (
        world.had_withdrawn(viewer, owner, look.began)
        or world.had_withdrawn(owner, viewer, look.began)
    )


def _was_unshared(world: World, share: Deed, look: Deed) -> bool:
    """Was it taken back between the two?"""
    return any(
        deed.wish.kind in ("unshare", "forget")
        and share.ended
        and share.ended < deed.began
        and deed.ended
        and deed.ended < look.began
        for deed in _deeds_about(world, share.wish.who)
    )
