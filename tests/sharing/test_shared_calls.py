"""What is left of a shared call where a request died, was refused, or came too late."""

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.principals import Caller
from shared.problems import InvalidRequest, NotFound, TooManyShared, Unauthenticated
from shared.sharing.audiences import MOST_CALLS, MOST_IN_SPACE, Audience
from shared.sharing.rows import (
    RECORD_ROW,
    CallKind,
    Consent,
    Content,
    Host,
    Role,
    SharedCallRecord,
    call_key,
    space_key,
)
from shared.sharing.shared_calls import SharedCalls
from shared.tables import INVITATIONS, SHARED_CALLS
from tests.support.deeds import Wish
from tests.support.interleaving import Schedule
from tests.support.memory_tables import memory_clients
from tests.support.realms import GROUP, SPACE
from tests.support.world import World

ANN, BEN = 0, 1
FRIENDS = Audience(friends=True)


@pytest.fixture
async def world() -> World:
    """Ann and Ben are friends."""
    world = World(memory_clients(), Schedule())
    await world.alone(Wish("add", ANN, BEN))
    await world.alone(Wish("add", BEN, ANN))
    return world


async def test_who_was_erased_while_sharing_repeats_it_and_nothing_is_left(world: World) -> None:
    erased = world.caller(ANN)
    await world.alone(Wish("forget", ANN))
    # The other instance had admitted her before, writes now, and dies.
    await world.quietly(_calls(world).claim(_record(world, erased)))

    refused = await _shared(world, erased, GROUP)

    assert isinstance(refused, Unauthenticated)
    assert await _stored(world, GROUP) == []


async def test_the_next_person_after_an_erasure_keeps_what_they_share(world: World) -> None:
    erased = world.caller(ANN)
    await world.alone(Wish("forget", ANN))
    await world.alone(Wish("add", ANN, BEN))
    await world.alone(Wish("share", ANN, audience="friends"))

    assert isinstance(await _shared(world, erased, GROUP), Unauthenticated)
    with pytest.raises(Unauthenticated):
        await world.quietly(world.quiet().group_calls.unshare(erased, world.call_of(ANN)))
    assert await _stored(world, GROUP) == [SHARED_CALLS, "owner"]


async def test_a_call_that_is_shared_anew_is_newer_than_it_was(world: World) -> None:
    revisions = []
    for kind in ("share", "share", "share", "unshare", "share"):
        await world.alone(Wish(kind, ANN, audience="friends"))
        opened = await world.alone(Wish("open", ANN, ANN))
        revisions += [shared.revision for shared in opened.listed or ()]

    assert len(revisions) == 4
    assert revisions == sorted(set(revisions))


async def test_a_removal_that_died_half_way_hides_the_call_at_once(world: World) -> None:
    await world.alone(Wish("share", ANN, audience="friends"))
    begun_twice_claimed_and_copied = 4
    await world.alone(Wish("remove", ANN, BEN, stop_after=begun_twice_claimed_and_copied))

    assert (await world.alone(Wish("list", BEN))).listed == []
    assert isinstance((await world.alone(Wish("open", BEN, ANN))).refused, NotFound)


async def test_a_refused_repetition_finishes_what_a_kill_has_left(world: World) -> None:
    intent_pointer_and_record = 3
    await world.alone(Wish("share", ANN, audience="1", stop_after=intent_pointer_and_record))
    await world.alone(Wish("remove", BEN, ANN))

    refused = await world.alone(Wish("share", ANN, audience="1"))

    assert isinstance(refused.refused, InvalidRequest)
    assert await _stored(world, GROUP) == [SHARED_CALLS, "owner"]
    record = await world.quietly(_calls(world).find(world.call_of(ANN)))
    assert record is not None
    assert record.invitees == frozenset()


async def test_a_refused_repetition_removes_a_beginning_that_came_to_nothing(world: World) -> None:
    intent_and_pointer = 2
    await world.alone(Wish("share", ANN, audience="1", stop_after=intent_and_pointer))
    await world.alone(Wish("remove", BEN, ANN))
    await world.alone(Wish("share", ANN, audience="1"))

    assert await _stored(world, GROUP) == []


async def test_who_was_erased_leaves_neither_a_beginning_nor_a_row_without_a_record(
    world: World,
) -> None:
    erased = world.caller(ANN)
    await world.alone(Wish("forget", ANN))
    record, listings = _record(world, erased), world.table(INVITATIONS)
    space = space_key(world.realm, SPACE)
    for partition, role in ((world.key_of(ANN), Role.OWNER), (space, Role.SPACE)):
        row = record.invitation_for(partition, role)
        await world.quietly(listings.put(partition, record.call_id, row.values()))

    refused = await _shared(world, erased, GROUP, Audience(space=SPACE))

    assert isinstance(refused, Unauthenticated)
    for partition in (world.key_of(ANN), space):
        assert await world.quietly(listings.find(partition, record.call_id)) is None


async def test_a_late_request_of_an_erased_person_does_not_touch_the_next_one(
    world: World,
) -> None:
    erased = world.caller(ANN)
    await world.alone(Wish("forget", ANN))
    await world.alone(Wish("share", ANN, audience="friends", title="of who came after"))
    admit = world.quiet().identities.admit

    with pytest.raises(Unauthenticated):
        await world.quietly(_calls(world).claim(_record(world, erased), lambda: admit(erased)))

    found = await world.quietly(_calls(world).find(world.call_of(ANN)))
    assert found is not None
    assert found.content is not None
    assert found.content.title == "of who came after"


async def test_a_row_of_an_earlier_sharing_goes_with_the_call(world: World) -> None:
    await world.alone(Wish("share", ANN, audience="friends"))
    found = await world.quietly(_calls(world).find(world.call_of(ANN)))
    assert found is not None
    assert found.content is not None
    # Shared again until soon; Ben's row still is of the first sharing, which lasts for a day.
    again = found.content.shared_at + timedelta(minutes=1)
    soon_over = replace(found.content, shared_at=again, ends_at=again + timedelta(minutes=1))
    await _store(world, replace(found, content=soon_over))
    world.wait(minutes=5)

    assert (await world.alone(Wish("list", ANN))).listed == []

    assert await _stored(world, GROUP) == []


async def test_bursts_of_calls_that_end_at_once_do_not_pile_up(world: World) -> None:
    ann = world.caller(ANN)
    for n in range(MOST_CALLS):
        call = _call(ann, str(uuid.UUID(int=n)))
        await _store(world, _ended(replace(_record(world, ann), call_id=call)))

    at_once, counts = 5, []
    for burst in range(1, 4):
        ends_at = world.caller(ANN).issued_at + timedelta(seconds=5)
        shares = [
            asyncio.ensure_future(
                world.quiet().group_calls.share(
                    world.caller(ANN),
                    str(uuid.UUID(int=1000 * burst + n)),
                    None,
                    None,
                    ends_at,
                    FRIENDS,
                )
            )
            for n in range(at_once)
        ]
        await world.schedule.drain()
        await asyncio.gather(*shares, return_exceptions=True)
        world.wait(minutes=1)
        rows = await world.quietly(world.table(INVITATIONS).list_for(world.key_of(ANN)))
        counts.append(len(rows))

    assert max(counts) <= MOST_CALLS + at_once, counts


async def test_of_too_many_calls_an_ended_one_makes_room(world: World) -> None:
    ann = world.caller(ANN)
    groups = [str(uuid.UUID(int=n)) for n in range(MOST_CALLS)]
    for group in groups:
        await _store(world, replace(_record(world, ann), call_id=_call(ann, group)))
    refused = await _shared(world, ann, GROUP)
    assert isinstance(refused, TooManyShared)
    assert await _shared(world, ann, groups[0]) is None  # it is one of them

    await _store(world, _ended(replace(_record(world, ann), call_id=_call(ann, groups[7]))))
    assert await _shared(world, ann, GROUP) is None

    assert await _stored(world, groups[7]) == []
    assert await _stored(world, GROUP) == [SHARED_CALLS, "owner", "invitee"]


async def test_who_loses_the_race_for_a_space_shares_as_before(world: World) -> None:
    ann = world.caller(ANN)
    for n in range(MOST_IN_SPACE - 1):
        assert await _shared(world, ann, str(uuid.UUID(int=n)), Audience(space=SPACE)) is None
    await world.alone(Wish("share", ANN, audience="friends", title="for friends"))
    moved = asyncio.ensure_future(world.fulfil(Wish("share", ANN, audience="space")))
    other = asyncio.ensure_future(
        _share(world, world.caller(ANN), str(uuid.UUID(int=99)), Audience(space=SPACE))
    )
    await world.schedule.drain()  # in turns: a new call takes its place in the first of them

    assert isinstance((await moved).refused, TooManyShared)
    assert await other is None
    assert await _stored(world, GROUP) == [SHARED_CALLS, "owner", "invitee"]
    listed = (await world.alone(Wish("list", BEN))).listed or []
    assert [shared.content.title for shared in listed] == ["for friends"]
    in_space = (await world.alone(Wish("list", BEN, audience="space"))).listed or []
    assert len(in_space) == MOST_IN_SPACE


async def _shared(
    world: World, caller: Caller, group: str, audience: Audience = FRIENDS
) -> Exception | None:
    """What refused a sharing while nothing else goes on; None where nothing did."""
    return await world.quietly(_share(world, caller, group, audience))


async def _share(
    world: World, caller: Caller, group: str, audience: Audience = FRIENDS
) -> Exception | None:
    try:
        await world.quiet().group_calls.share(caller, group, None, None, None, audience)
    except (TooManyShared, Unauthenticated) as refused:
        return refused
    return None


def _call(caller: Caller, group: str) -> str:
    return call_key(caller.principal, CallKind.GROUP_CALL, group)


def _calls(world: World) -> SharedCalls:
    service = world.quiet()
    listings, records = world.table(INVITATIONS), world.table(SHARED_CALLS)
    return SharedCalls(listings, records, service.friendships, service.identities)


def _record(world: World, caller: Caller) -> SharedCallRecord:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    host = Host(caller.principal.id, None)
    return SharedCallRecord(
        call_id=_call(caller, GROUP),
        change_id="one",
        owner=world.key_of(ANN),
        realm=world.realm,
        proven_at=caller.issued_at,
        consent=Consent.FRIENDSHIP,
        content=Content(CallKind.GROUP_CALL, {"groupId": GROUP}, None, None, None, now, host),
    )


def _ended(record: SharedCallRecord) -> SharedCallRecord:
    assert record.content is not None
    long_ago = record.content.shared_at - timedelta(days=2)
    return replace(record, content=replace(record.content, shared_at=long_ago))


async def _store(world: World, record: SharedCallRecord) -> None:
    """A call that is shared with nobody."""
    row = record.invitation_for(record.owner, Role.OWNER)
    records, listings = world.table(SHARED_CALLS), world.table(INVITATIONS)
    await world.quietly(records.put(record.call_id, RECORD_ROW, record.values()))
    await world.quietly(listings.put(record.owner, record.call_id, row.values()))


async def _stored(world: World, group: str) -> list[str]:
    """The rows of Ann's call: the record's table, then the roles of Ann and Ben in listings."""
    call = call_key(world.principal(ANN), CallKind.GROUP_CALL, group)
    record = await world.quietly(world.table(SHARED_CALLS).find(call, RECORD_ROW))
    rows = [
        await world.quietly(world.table(INVITATIONS).find(world.key_of(who), call))
        for who in (ANN, BEN)
    ]
    return [
        *([SHARED_CALLS] if record else []),
        *(str(row.values["role"]) for row in rows if row is not None),
    ]
