"""Calls to bots over HTTP: Event Grid tells of them, the service answers, and its menu goes on."""

import asyncio
import json
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.bot_calls.incoming import (
    CAROL,
    END,
    HOURS,
    WRONG,
    Line,
    has_ended,
    kinds,
    people_in,
    pressed,
    subscribe,
)
from tests.bot_calls.incoming_fixtures import QUICK, alice, carol, line
from tests.calls.test_calls import AUDIO, DONE_SECONDS, has, place
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.costs import cost_table
from tests.support.patience import or_more
from tests.support.people import People, Person, coded
from tests.support.stack import Host, Stack, StartHost
from tests.support.storage import cost
from tests.support.table_proxy import TableProxy

__all__ = ["alice", "carol", "line"]


@pytest.mark.parametrize(
    "mode",
    [
        {},
        {"repeat": 3},
        *(
            pytest.param(mode, marks=pytest.mark.slow)
            for mode in ({"order": "shuffled", "seed": 3}, {"order": "reversed"}, {"delayMs": 200})
        ),
    ],
)
async def test_a_caller_of_a_bot_is_greeted_presses_a_key_and_is_connected(
    line: Line, one_host: Host, alice: Person, carol: Person, mode: dict[str, object]
) -> None:
    await line.acs.put("callbacks", mode)
    await subscribe(line.acs, one_host)

    ringing = await line.ring(alice, CAROL)

    seen = await line.seen(has(2))
    assert (seen["state"], seen["answeredBy"]) == ("connected", line.bot)
    assert seen["caller"] == alice.id
    assert people_in(seen) == {alice.id, carol.id}
    assert pressed(seen) == [CAROL]
    await line.does(ringing, "hangUp", alice)
    ended = await line.seen(has_ended)
    assert {one["kind"]: one["state"] for one in ended["actions"]} == {
        "play": "succeeded",
        "tones": "succeeded",
        "invite": "succeeded",
    }
    happened = kinds(ended)
    assert happened["CallConnected"] == happened["AddParticipantSucceeded"] == 1, happened
    assert happened["PlayCompleted"] == or_more(1), happened
    assert happened["RecognizeCompleted"] == or_more(1), happened
    log = one_host.log.read_text()
    assert ringing["incomingCallContext"] not in log


async def test_a_key_that_is_not_on_the_menu_leads_to_the_menu_again(
    line: Line, one_host: Host, alice: Person, carol: Person
) -> None:
    await subscribe(line.acs, one_host)

    await line.ring(alice, WRONG, HOURS, CAROL)

    seen = await line.seen(has(2))
    assert pressed(seen) == [WRONG, HOURS, CAROL]
    assert kinds(seen)["PlayCompleted"] == or_more(2)  # the greeting, and the opening hours


async def test_a_bot_hangs_up_when_it_is_asked_to(
    line: Line, one_host: Host, alice: Person
) -> None:
    await subscribe(line.acs, one_host)

    await line.ring(alice, END)

    ended = await line.seen(has_ended)
    assert pressed(ended) == [END]
    assert ended["reason"]["code"] == 200


@pytest.mark.parametrize("presses", [(), (WRONG,) * 5], ids=["silence", "wrong keys"])
async def test_a_bot_hangs_up_on_a_caller_who_chooses_nothing(
    line: Line, one_host: Host, alice: Person, presses: tuple[str, ...]
) -> None:
    await line.acs.put("callbacks", {"hold": ["CallConnected"]})
    await subscribe(line.acs, one_host)

    await line.ring(alice, *presses)
    await line.acs.events_held(1)  # it was answered, so it need not ring on
    await line.acs.put("farEnds", {**QUICK, "secondMs": 5})
    await line.acs.put("callbacks", {})

    ended = await line.seen(has_ended)
    assert pressed(ended) == [*(presses[:3] or [None] * 3)]
    assert kinds(ended)["PlayCompleted"] == or_more(1)


@pytest.mark.parametrize("answer", ["busy", "decline", "none", "unreachable"])
async def test_the_menu_comes_again_if_a_guest_does_not_answer(
    line: Line, one_host: Host, alice: Person, carol: Person, answer: str
) -> None:
    raw_id = (await carol.token()).user_id
    await line.acs.put("farEnds", {**QUICK, "farEnds": {raw_id: {"answer": answer, "afterMs": 5}}})
    await subscribe(line.acs, one_host)

    await line.ring(alice, CAROL, END)

    ended = await line.seen(has_ended)
    assert pressed(ended) == [CAROL, END]
    assert kinds(ended)["AddParticipantFailed"] == 1


async def test_who_was_never_here_or_calls_themselves_leads_to_the_menu_again(
    line: Line, start_host: StartHost, alice: Person
) -> None:
    menu = {"1": {"connect": "nobody"}, "2": {"connect": alice.id}, "0": "hang up"}
    host = await start_host(BOT_MENU=json.dumps(menu))
    await subscribe(line.acs, host)

    await line.ring(alice, "1", "2", END)

    ended = await line.at(host).seen(has_ended)
    assert pressed(ended) == ["1", "2", END]
    assert [one["state"] for one in ended["actions"] if one["kind"] == "invite"] == ["failed"] * 2
    assert kinds(ended)["AddParticipantFailed"] == 0  # ACS was not asked
    invites = [one for one in ended["actions"] if one["kind"] == "invite"]
    assert ["has no identity" in one["reason"]["message"] for one in invites] == [True, False]


@pytest.mark.parametrize("leaving", ["alice", "carol"])
async def test_a_person_who_leaves_ends_the_call_for_the_other(
    line: Line, one_host: Host, alice: Person, carol: Person, leaving: str
) -> None:
    await subscribe(line.acs, one_host)
    ringing = await line.ring(alice, CAROL)
    await line.seen(has(2))

    await line.does(ringing, "hangUp", alice if leaving == "alice" else carol)

    await line.seen(has_ended)
    assert [one["callConnectionState"] for one in await line.in_acs(ringing)] == ["disconnected"]


async def test_who_hangs_up_while_it_rings_at_carols_leaves_nobody_behind(
    line: Line, one_host: Host, alice: Person, carol: Person
) -> None:
    raw_id = (await carol.token()).user_id
    await line.acs.put("farEnds", {**QUICK, "farEnds": {raw_id: {"answer": "ring"}}})
    await subscribe(line.acs, one_host)
    ringing = await line.ring(alice, CAROL)
    await line.seen(lambda now: any(one["kind"] == "invite" for one in now["actions"]))
    await rings_at(line, ringing, raw_id)

    await line.does(ringing, "hangUp", alice)

    await line.seen(has_ended)
    [connection] = await line.in_acs(ringing)
    assert (connection["callConnectionState"], connection["ringing"]) == ("disconnected", [])


async def rings_at(line: Line, ringing: dict[str, Any], raw_id: str) -> None:
    async with asyncio.timeout(DONE_SECONDS):
        while True:
            [connection] = await line.in_acs(ringing)
            if [one["participant"] for one in connection["ringing"]] == [raw_id]:
                return
            await asyncio.sleep(0.02)


async def test_who_hangs_up_during_the_greeting_has_ended_the_call(
    line: Line, one_host: Host, alice: Person
) -> None:
    await line.acs.put("farEnds", {**QUICK, "playMs": 60_000})
    await subscribe(line.acs, one_host)
    ringing = await line.ring(alice)
    await line.seen(lambda now: kinds(now)["PlayStarted"])

    await line.does(ringing, "hangUp", alice)

    assert kinds(await line.seen(has_ended))["PlayCanceled"] == or_more(1)


async def test_a_greeting_may_be_audio_and_all_that_there_is(
    line: Line, start_host: StartHost, alice: Person
) -> None:
    host = await start_host(BOT_GREETING=AUDIO, BOT_MENU="", COGNITIVE_SERVICES_ENDPOINT="")
    await subscribe(line.acs, host)

    await line.ring(alice)

    ended = await line.at(host).seen(has_ended)
    assert [(one["kind"], one["state"]) for one in ended["actions"]] == [("play", "succeeded")]


async def test_what_cannot_be_played_does_not_keep_anybody_from_the_menu(
    line: Line, start_host: StartHost, alice: Person
) -> None:
    menu = {"prompt": AUDIO, "1": {"say": AUDIO}, "0": "hang up"}
    host = await start_host(BOT_GREETING=AUDIO, BOT_MENU=json.dumps(menu))
    await line.acs.put("farEnds", {**QUICK, "sources": {AUDIO: "notDownloadable"}})
    await subscribe(line.acs, host)

    await line.ring(alice, END)

    ended = await line.at(host).seen(has_ended)
    assert [one["state"] for one in ended["actions"]] == ["failed"] * 4  # greeting, three prompts
    assert {one["reason"]["code"] for one in ended["actions"]} == {400, 500}


async def test_what_acs_does_not_take_ends_the_call_and_not_in_a_loop(
    line: Line, one_host: Host, alice: Person
) -> None:
    await line.acs.fault("play", status=400)
    await line.acs.fault("recognize", status=400)
    await subscribe(line.acs, one_host)

    await line.ring(alice, END)

    ended = await line.seen(has_ended)
    assert [one["state"] for one in ended["actions"]] == ["failed"] * 4


async def test_a_manager_finds_the_call_and_steers_it_like_any_other(
    line: Line, one_host: Host, people: People, alice: Person
) -> None:
    colleague, stranger = people(one_host, "colleague", "stranger")
    colleague.sign_in("Calls.Manage")
    await line.acs.put("farEnds", {**QUICK, "playMs": 60_000})
    await subscribe(line.acs, one_host)
    ringing = await line.ring(alice)
    seen = await line.seen(has(1))

    found = await colleague.ask("/calls?" + urlencode({"bot": line.bot}))
    assert [one["id"] for one in found.json["calls"]] == [seen["id"]]
    assert (await colleague.ask(f"/calls/{seen['id']}")).json["answeredBy"] == line.bot
    assert (await colleague.ask("/calls")).json["calls"] == []
    for person in (stranger, alice):
        assert (await person.ask("/calls?" + urlencode({"bot": line.bot}))).status == 403
        assert (await person.ask(f"/calls/{seen['id']}")).status == 404
    assert (await colleague.ask("/calls?bot=no-such-bot")).status == 404
    assert (await colleague.ask(f"/calls/{seen['id']}", "DELETE")).status == 204
    await line.seen(has_ended)
    assert [one["callConnectionState"] for one in await line.in_acs(ringing)] == ["disconnected"]


async def test_a_bot_that_is_removed_hangs_up_and_leaves_nothing(
    line: Line, one_host: Host, stack: Stack, alice: Person, carol: Person
) -> None:
    await subscribe(line.acs, one_host)
    ringing = await line.ring(alice, CAROL)
    call = (await line.seen(has(2)))["id"]

    removed = await line.manager.ask(f"/bots/{coded(line.bot)}", "DELETE")

    assert removed.status == 204
    assert [one["callConnectionState"] for one in await line.in_acs(ringing)] == ["disconnected"]
    assert rows_about(stack, line.bot, line.bot_id, call) == []


async def test_people_export_and_erase_their_own_calls_to_bots(
    line: Line, one_host: Host, stack: Stack, alice: Person
) -> None:
    await line.acs.put("farEnds", {**QUICK, "playMs": 60_000})
    await subscribe(line.acs, one_host)
    ringing = await line.ring(alice)
    seen, raw_id = await line.seen(has(1)), (await alice.token()).user_id
    [exported] = (await alice.export()).json["held"]["calls"]
    assert (exported["callId"], exported["toBot"]) == (seen["id"], True)

    assert (await alice.forget()).status == 204

    assert (await line.manager.ask(f"/calls/{seen['id']}")).status == 404
    assert [one["callConnectionState"] for one in await line.in_acs(ringing)] == ["disconnected"]
    assert rows_about(stack, alice.id, raw_id, seen["id"]) == []
    assert await line.calls() == []


async def test_a_bots_guest_who_is_erased_is_named_in_its_calls_no_more(
    line: Line, start_host: StartHost, people: People, stack: Stack, alice: Person
) -> None:
    [bob] = people(line.manager.host, "bob")
    await bob.token()
    host = await start_host(BOT_MENU=json.dumps({"1": {"connect": bob.id}}))
    await subscribe(line.acs, host)
    await line.ring(alice, "1")
    seen = await line.at(host).seen(has(2))
    assert people_in(seen) == {alice.id, bob.id}

    assert (await bob.forget()).status == 204

    after = (await line.manager.ask(f"/calls/{seen['id']}")).json["participants"]
    assert [one.get("user") for one in after].count(None) == 1
    assert rows_about(stack, bob.id) == []


async def test_what_an_answer_and_a_turn_cost(
    line: Line, counted_host: Host, tables: TableProxy, alice: Person
) -> None:
    await line.acs.put("callbacks", {"hold": True})
    there, ringing = line.at(counted_host), await line.ring(alice)
    before = await line.asked()

    answering = await cost(tables, there.deliver(ringing), 200)
    again = await cost(tables, there.deliver(ringing), 200)
    await line.acs.events_held(2)
    tables.requests.clear()
    await line.acs.tell(types=["CallConnected"])
    turn = Counter(tables.requests)

    # The called bot and the caller; the intent, the key, both indexes, the record; the first place
    # of the caller, for which the service looks for calls of earlier versions; the bot and the
    # caller once more; and old calls.
    table = cost_table()
    answer = table["POST /incomingCalls, somebody's first call to a bot"]
    menu = table["POST /callEvents/{callId}, that a bot's call is connected"]
    assert answering == answer.stored
    assert again == table["POST /incomingCalls, the same again"].stored
    assert turn == menu.stored
    assert await line.asked() - before == {**answer.asked, **menu.asked}


async def test_a_bot_that_the_service_calls_is_not_answered_by_it(
    line: Line, acs: Control, one_host: Host, manager: Person
) -> None:
    """The caller is then an identity that ACS has made up for the call: nobody of the realm."""
    placed = await place(manager, {"bot": line.bot})
    [connection] = await acs.calls(callbackEnd=placed.json["id"])

    told = await line.deliver(await line.ring(connection["ownId"]))

    assert told.json == {"results": ["stranger"]}
