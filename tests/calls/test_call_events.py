"""A call's record is the same in whatever order its events come, and however often."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.calls.bot_state import BotCallState
from shared.calls.events import apply_event, read_events
from shared.calls.participants import Participant
from shared.calls.reasons import Reason
from shared.calls.rows import Action, ActionState, Call, CallState
from shared.problems import InvalidRequest
from shared.tables import Row

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BOB, PHONE = "8:acs:bob", "4:+14255550123"
CALL = Call(
    "call",
    "creator",
    "realm",
    NOON,
    actions={name: Action(name, "play", "", NOON) for name in ("one", "two")},
)


def event(kind: str, seconds: int, **data: object) -> dict[str, Any]:
    return {
        "id": f"{kind} at {seconds}",
        "specversion": "1.0",
        "type": f"Microsoft.Communication.{kind}",
        "source": "calling/callConnections/x",
        "time": (NOON + timedelta(seconds=seconds)).isoformat(),
        "data": {"callConnectionId": "x", "serverCallId": "s", **data},
    }


def outcome(code: int, sub_code: int = 0) -> dict[str, object]:
    return {"code": code, "subCode": sub_code, "message": "as it is"}


def there(*raw_ids: str) -> list[dict[str, object]]:
    return [{"identifier": {"rawId": raw_id}, "isMuted": False} for raw_id in raw_ids]


HISTORY = [
    event("ParticipantsUpdated", 1, sequenceNumber=1, participants=there(BOB)),
    event("CallConnected", 2),
    event("ParticipantsUpdated", 3, sequenceNumber=2, participants=there(BOB, PHONE)),
    event("PlayStarted", 4, operationContext="one"),
    event("PlayCompleted", 5, operationContext="one", resultInformation=outcome(200)),
    event("RecognizeCompleted", 6, operationContext="two", resultInformation=outcome(200, 8514),
          recognitionType="dtmf", dtmfResult={"tones": ["one", "two", "pound"]}),
    event("PlayCompleted", 7, operationContext="somebody else's"),
    event("SomethingNew", 8, novelty=[1, {"deep": True}]),
    event("ParticipantsUpdated", 9, sequenceNumber=5, participants=there(BOB)),
    event("CallDisconnected", 10, resultInformation=outcome(200, 7000)),
    event("CallDisconnected", 11, resultInformation=outcome(500)),
]  # fmt: skip


def after(events: list[dict[str, Any]], call: Call = CALL) -> Call:
    for one in read_events(json.dumps(events).encode()):
        call = apply_event(call, one)
    return call


EXPECTED = after(HISTORY)


def test_a_history_is_read_as_it_was() -> None:
    assert EXPECTED.state is CallState.DISCONNECTED
    assert EXPECTED.reason == Reason(200, 7000)
    assert EXPECTED.connected_at == NOON + timedelta(seconds=2)
    assert EXPECTED.ended_at == NOON + timedelta(seconds=10)
    assert EXPECTED.participants == (Participant(BOB),)
    assert EXPECTED.actions["one"].state is ActionState.SUCCEEDED
    assert EXPECTED.actions["two"].tones == "12#"
    assert (EXPECTED.connection_id, EXPECTED.server_call_id) == ("x", "s")


@settings(derandomize=True, database=None, max_examples=300)
@given(
    order=st.permutations(range(len(HISTORY))),
    again=st.lists(st.integers(0, len(HISTORY) - 1), max_size=8),
)
def test_in_any_order_and_repeated_it_is_the_same(order: list[int], again: list[int]) -> None:
    assert after([HISTORY[n] for n in (*order, *again)]) == EXPECTED


# Answered by a bot, for which the answer of ACS that it was so may have been lost.
ANSWERED = replace(CALL, bot_state=BotCallState((BOB, "8:acs:carol")))
MISSED = ANSWERED.as_missed(Reason(404, 0, "gone"), NOON)


@settings(derandomize=True, database=None, max_examples=100)
@given(order=st.permutations(range(len(HISTORY))), thought_missed=st.booleans())
def test_who_has_been_in_a_bots_call_is_known_in_any_order(
    order: list[int], thought_missed: bool
) -> None:
    call = after([HISTORY[n] for n in order], MISSED if thought_missed else ANSWERED)

    assert call == replace(EXPECTED, bot_state=call.bot_state)
    assert call.bot_state is not None
    assert call.bot_state.joined == {BOB}


def test_a_call_is_missed_only_as_long_as_nothing_is_told_of_it() -> None:
    assert (MISSED.state, MISSED.is_refused) == (CallState.DISCONNECTED, True)
    told = after(HISTORY[:2], ANSWERED)
    assert told.as_missed(Reason(404, 0, "gone"), NOON) == told
    assert after(HISTORY[:2], MISSED) == told


@pytest.mark.parametrize("ending", ["CreateCallFailed", "ConnectFailed", "AnswerFailed"])
def test_a_call_that_never_came_to_be_has_ended(ending: str) -> None:
    failed = after([event(ending, 1, resultInformation=outcome(486, 560486))])

    assert failed.state is CallState.DISCONNECTED
    assert failed.reason == Reason(486, 560486)


def test_of_two_endings_of_an_action_the_earlier_stands_whichever_comes_first() -> None:
    endings = [
        event("PlayFailed", 2, operationContext="one", resultInformation=outcome(400, 8536)),
        event("PlayCanceled", 1, operationContext="one", resultInformation=outcome(400, 8508)),
        event("PlayStarted", 3, operationContext="one"),
    ]
    for order in itertools.permutations(endings):
        assert after(list(order)).actions["one"].state is ActionState.CANCELED


def test_a_record_is_stored_and_read_as_it_is() -> None:
    stored = replace(EXPECTED, group_id="g", targets=(BOB, PHONE))

    row = Row(stored.call_id, "call", stored.values(), "etag")

    assert Call.of(row) == stored


def stored_bytes(call: Call) -> list[int]:
    return [len(one.encode("utf-16-le")) for one in call.values().values() if isinstance(one, str)]


def test_350_people_with_the_longest_ids_of_acs_are_stored() -> None:
    people = tuple(Participant(f"8:acs:{n:0110}", True) for n in range(350))
    call = replace(CALL, participants=people)

    assert max(stored_bytes(call)) <= 64 * 1024
    assert Call.of(Row(call.call_id, "call", call.values(), "etag")).participants == people


def test_participants_that_do_not_fit_are_left_out_and_the_record_can_be_written() -> None:
    told = event("ParticipantsUpdated", 1, sequenceNumber=1,
                 participants=there(*(f"8:acs:{n:0250}" for n in range(350))))  # fmt: skip
    call = after([told])

    assert max(stored_bytes(call)) <= 64 * 1024
    read = Call.of(Row(call.call_id, "call", call.values(), "etag")).participants
    assert 200 < len(read) < 350
    assert read == call.participants[: len(read)]


def test_texts_of_acs_that_earlier_versions_have_stored_make_room_for_actions() -> None:
    odd = Reason(400, 8500, "\x01" * 120)
    actions = {
        str(n): Action(f"{n:032}", "play", "f" * 64, NOON, ActionState.FAILED, NOON, odd)
        for n in range(64)
    }
    call = replace(CALL, actions=actions)

    assert max(stored_bytes(call)) <= 64 * 1024
    read = Call.of(Row(call.call_id, "call", call.values(), "etag")).actions
    assert {one.reason for one in read.values()} == {Reason(400, 8500)}


def test_a_field_that_is_null_is_missing() -> None:
    told = event("ParticipantsUpdated", 1, sequenceNumber=None, participants=None,
                 resultInformation=None, dtmfResult={"tones": None})  # fmt: skip
    failed = event("PlayFailed", 2, operationContext="one",
                   resultInformation={"code": 400, "subCode": None, "message": None})  # fmt: skip
    one = {"identifier": {"rawId": BOB, "kind": None}, "isMuted": None, "isOnHold": None}
    listed = event("ParticipantsUpdated", 3, sequenceNumber=1, participants=[one])

    call = after([told, failed, listed])

    assert call.participants == (Participant(BOB),)
    assert call.actions["one"].reason == Reason(400, 0)


@pytest.mark.parametrize(
    "told",
    [
        event("MediaStreamingStarted", 5, mediaStreamingUpdate={"contentType": "Audio"}),
        event("MediaStreamingStopped", 5, mediaStreamingUpdate={"contentType": "Audio"}),
        event("MediaStreamingFailed", 5, resultInformation=outcome(500, 8603)),
        event("TranscriptionStarted", 5, transcriptionUpdate={"transcriptionStatus": "x"}),
        event("TranscriptionUpdated", 5, transcriptionUpdate=None),
        event("TranscriptionStopped", 5, operationContext="one"),
        event("TranscriptionFailed", 5, resultInformation=outcome(405, 8522)),
        event("MoveParticipantSucceeded", 5, participant={"rawId": BOB}, fromCall="y"),
        event("MoveParticipantFailed", 5, participant={"rawId": BOB}, fromCall="y"),
    ],
    ids=lambda told: told["type"].rpartition(".")[2],
)
def test_an_event_of_what_this_service_does_not_use_changes_nothing(told: dict[str, Any]) -> None:
    assert after([*HISTORY[:4], told, *HISTORY[4:]]) == EXPECTED
    assert after([told]) == replace(CALL, connection_id="x", server_call_id="s")


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("choices", {"choiceResult": {"label": "Yes", "recognizedPhrase": "sure"}}),
        ("speech", {"speechResult": {"speech": "hello", "confidence": 0.5}}),
    ],
)
def test_a_recognition_of_speech_has_succeeded_without_tones(
    kind: str, result: dict[str, object]
) -> None:
    told = event("RecognizeCompleted", 6, operationContext="two", recognitionType=kind, **result)

    action = after([event("PlayStarted", 5, operationContext="two"), told]).actions["two"]

    assert (action.state, action.tones) == (ActionState.SUCCEEDED, None)


def test_an_odd_event_does_not_keep_the_others_of_its_batch_from_being_read() -> None:
    odd: list[Any] = [7, None, {**GOOD, "time": "yesterday"}, {**GOOD, "data": {}}]

    read = read_events(json.dumps([*odd, GOOD, *odd]).encode())

    assert [one.id for one in read] == [GOOD["id"]]


GOOD = event("CallConnected", 1)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"[1]",
        b"\xff",
        json.dumps(GOOD).encode(),
        json.dumps([{**GOOD, "specversion": "0.3"}]).encode(),
        json.dumps([{**GOOD, "id": ""}]).encode(),
        json.dumps([{**GOOD, "time": "yesterday"}]).encode(),
        json.dumps([{**GOOD, "data": {}}]).encode(),
        json.dumps([{**GOOD, "data": {"callConnectionId": "x" * 2000}}]).encode(),
        json.dumps([GOOD] * 101).encode(),
        json.dumps(
            [event("ParticipantsUpdated", 1, participants=there(*map(str, range(351))))]
        ).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_no_event_is_refused_without_detail(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_events(body)

    assert refused.value.faults == ()
