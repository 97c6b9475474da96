"""What people and apps do with the service, from the first request to the last, and must get.

Each journey has people of its own. Its client may have sent any request twice, so where a first
request and its repetition are answered differently, both answers are right; nothing else may be.
"""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from tests.bad_day.cast import Cast
from tests.bad_day.patience import PatientPerson
from tests.bot_calls.incoming import END, Line, Ringing, has_ended, pressed, register
from tests.calls.recording import RECORDER, is_filed, is_in, record, recordings_in_acs
from tests.calls.test_calls import AUDIO, done, has, invite, is_connected, of, place
from tests.meetings.test_meetings import meetings, schedule
from tests.support.people import FRIENDS, coded

type Journey = Callable[[Cast], Coroutine[None, None, None]]

MADE = (200, 201)
# A call rings for 30 seconds.
_RINGS_SECONDS, _TRIES = 32.0, 10
# Answered looks until what comes by itself has come: on an idle machine in three minutes, and the
# busier it is the longer each takes. And the pause between two, in seconds.
_LOOKS, _LOOK_AGAIN = 600, 0.3
# Share of the people who have themselves erased in the end: an erasure costs more than all else.
_GO = 0.25


async def makes_friends_and_shares(cast: Cast) -> None:
    """Friends resolve each other and join what is shared; strangers and former friends do not."""
    alice, bob, eve = cast.people("Alice", "Bob", "Eve")
    ids = {one.id: (await one.token()).user_id for one in (alice, bob, eve)}
    assert (await alice.token()).user_id == ids[alice.id]
    await _befriend(alice, bob)
    assert (await bob.resolve(alice.id)).json["communicationUserId"] == ids[alice.id]
    assert (await eve.resolve(alice.id)).status == 404
    group = str(uuid.uuid4())

    shared = await alice.share(group, FRIENDS, title="Coffee")
    assert (shared.status in MADE, shared.json["invited"]) == (True, 1), shared
    call = shared.json["id"]
    assert await bob.calls() == [call]
    assert (await bob.open(call)).json["locator"] == {"groupId": group}
    assert (await eve.open(call)).status == 404
    again = await alice.share(group, FRIENDS, title="Tea")
    assert (again.status, again.json["id"]) == (200, call)
    assert (await bob.open(call)).json["title"] == "Tea"

    if cast.chance.random() < 0.5:
        assert (await bob.remove(alice.id)).status == 204
        assert (await alice.resolve(bob.id)).status == 404
    else:
        assert (await alice.unshare(call)).status == 204
        assert (await alice.open(call)).status == 404
    assert (await bob.open(call)).status == 404
    await _part(cast, alice, bob, eve)


async def meets_in_teams(cast: Cast) -> None:
    """One meeting in Teams, however often it was asked for; none once it is cancelled."""
    doctor, patient, stranger = cast.people("Doctor", "Patient", "Stranger")
    doctor.sign_in("Meetings.Schedule", "Calls.Manage")
    for one in (doctor, patient, stranger):
        await one.token()
    audience = {"users": [patient.id]}

    made = await schedule(doctor, "visit", audience)
    assert made.status in MADE, made
    call = made.json["id"]
    cast.meetings.add(call)
    changed = await schedule(doctor, "visit", audience, subject="Second visit")
    assert (changed.status, changed.json["id"]) == (200, call)
    [in_teams] = await meetings(cast.graph, call)
    assert in_teams["subject"] == "Second visit"
    opened = await patient.open(call)
    assert opened.json["locator"] == {"meetingLink": in_teams["joinWebUrl"]}
    assert (await stranger.open(call)).status == 404

    if cast.chance.random() < 0.7:
        assert (await doctor.ask(f"/meetings/{call}", "DELETE")).status == 204
        assert (await patient.open(call)).status == 404
        assert await meetings(cast.graph, call) == []
    await _part(cast, doctor, patient, stranger)


async def places_a_call(cast: Cast) -> None:
    """One call in ACS for one key; its events come, and it is steered and ended."""
    manager, bob, carol = cast.people("Manager", "Bob", "Carol")
    manager.sign_in("Calls.Manage")
    for one in (manager, bob, carol):
        await one.token()
    key = cast.unique("call")

    placed = await place(manager, {"user": bob.id}, key=key)
    assert placed.status == 201, placed
    call = placed.json["id"]
    assert (await place(manager, {"user": bob.id}, key=key)).json["id"] == call
    await _seen(manager, call, is_connected)
    invited = await invite(manager, call, {"user": carol.id}, cast.unique("invitation"))
    assert invited.status == 202, invited
    seen = await _seen(manager, call, done(invited.json["id"]))
    assert of(seen, invited.json["id"])["state"] == "succeeded", seen
    await _seen(manager, call, has(2))
    played = await manager.ask(f"/calls/{call}/play", "POST", {"url": AUDIO})
    assert played.status == 202, played
    await _seen(manager, call, done(played.json["id"]))

    assert (await manager.ask(f"/calls/{call}", "DELETE")).status == 204
    await _seen(manager, call, has_ended)
    assert len(await cast.acs.calls(callbackEnd=f"/{call}")) == 1
    listed = await manager.ask("/calls")
    assert [one["id"] for one in listed.json["calls"]] == [call]
    await _part(cast, manager, bob, carol)


async def records_a_call(cast: Cast) -> None:
    """One recording in ACS for one key, which is stopped, and whose file is told."""
    recorder, bob = cast.people("Recorder", "Bob")
    recorder.sign_in(*RECORDER)
    for one in (recorder, bob):
        await one.token()
    placed = await place(recorder, {"user": bob.id}, key=cast.unique("call"))
    assert placed.status == 201, placed
    call, key = placed.json["id"], cast.unique("recording")
    await _seen(recorder, call, is_connected)

    started = [await record(recorder, call, "start", key) for _ in range(2)]
    assert {(one.status, one.json["id"]) for one in started} == {(202, started[0].json["id"])}
    await _seen(recorder, call, is_in("recording"))
    stopped = await record(recorder, call, "stop")
    assert stopped.status == 202, stopped
    await _seen(recorder, call, is_in("stopped"))
    assert len(await recordings_in_acs(cast.acs, call)) == 1
    await _seen(recorder, call, is_filed)

    assert (await recorder.ask(f"/calls/{call}", "DELETE")).status == 204
    await _seen(recorder, call, has_ended)
    await _part(cast, recorder, bob)


async def calls_a_bot(cast: Cast) -> None:
    """A call to a bot is answered once, and ends when the caller chooses the end."""
    operator, caller = cast.people("Operator", "Caller")
    operator.sign_in("Calls.Manage", "Bots.Operate")
    bot = cast.unique("bot")
    line = Line(cast.client, cast.acs, operator, bot, await register(operator, bot))
    assert (await operator.ask(f"/bots/{coded(bot)}/token", "POST")).user_id == line.bot_id
    assert (await caller.ask(f"/bots/{coded(bot)}")).json["communicationUserId"] == line.bot_id

    ringing = await _answered(line, caller)

    ended = await _seen(operator, (await line.calls())[0]["id"], has_ended)
    assert (ended["caller"], ended["answeredBy"]) == (caller.id, bot)
    assert END in pressed(ended), ended
    assert len(await line.in_acs(ringing)) == 1
    assert (await line.remove()).status == 204
    assert (await caller.ask(f"/bots/{coded(bot)}")).status == 404
    await _part(cast, operator, caller)


async def revokes(cast: Cast) -> None:
    """No token from before a revocation works after it, and the next one does."""
    [alice] = cast.people("Alice")
    old = [(await alice.token()).json["token"], (await alice.token()).json["token"]]

    assert (await alice.ask("/token", "DELETE")).status == 204

    new = (await alice.token()).json["token"]
    assert [(await cast.acs.introspect(each))["active"] for each in (*old, new)] == [
        False,
        False,
        True,
    ]
    await _part(cast, alice)


async def leaves(cast: Cast) -> None:
    """Who has themselves erased is nowhere any more, and their bearer token is refused."""
    alice, bob = cast.people("Alice", "Bob")
    for one in (alice, bob):
        await one.token()
    await _befriend(alice, bob)
    shared = await alice.share(str(uuid.uuid4()), FRIENDS)
    exported = await alice.export()
    assert [one["id"] for one in exported.json["held"]["friends"]] == [bob.id], exported
    assert await bob.calls() == [shared.json["id"]]

    assert (await alice.forget()).status == 204

    assert (await bob.open(shared.json["id"])).status == 404
    assert (await bob.resolve(alice.id)).status == 404
    assert await bob.states() == {}
    assert (await alice.token()).status == 401
    await _part(cast, bob)


JOURNEYS: Mapping[str, Journey] = {
    "friends": makes_friends_and_shares,
    "meetings": meets_in_teams,
    "calls": places_a_call,
    "recording": records_a_call,
    "bots": calls_a_bot,
    "revocation": revokes,
    "erasure": leaves,
}


async def _befriend(one: PatientPerson, other: PatientPerson) -> None:
    assert (await one.add(other.id)).status in MADE
    accepted = await other.add(one.id)
    assert (accepted.status in MADE, accepted.json["state"]) == (True, "accepted"), accepted


async def _seen(
    person: PatientPerson, call: str, wanted: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """The call once it is as wanted."""
    for _ in range(_LOOKS):
        reply = await person.ask(f"/calls/{call}")
        assert reply.status == 200, reply
        if wanted(reply.json):
            return dict(reply.json)
        await asyncio.sleep(_LOOK_AGAIN)
    raise AssertionError(reply)


async def _answered(line: Line, caller: PatientPerson) -> Ringing:
    """Call a bot, and press for the end. Who is not answered while it rings calls again, and who is
    asked again, because an answer of ACS was lost and with it the key, presses again."""
    for _ in range(_TRIES):
        ringing = await line.ring(caller, *[END] * _TRIES)
        deadline = time.monotonic() + _RINGS_SECONDS
        while time.monotonic() < deadline:
            if await line.in_acs(ringing) and await line.calls():
                return ringing
            await asyncio.sleep(0.2)
    raise AssertionError(await line.acs.get("eventSubscription"))


async def _part(cast: Cast, *people: PatientPerson) -> None:
    """At the end of a journey some go, with all that is theirs; the others stay."""
    for one in people:
        if cast.chance.random() < _GO:
            assert (await one.forget()).status == 204
