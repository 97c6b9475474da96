"""No text of ACS and no phone number reaches clients."""

import json
from datetime import UTC, datetime

import pytest

from shared.calls import reasons
from shared.calls.participants import participant_id
from shared.calls.reasons import Reason, refusal
from shared.calls.recording_contract import ReasonAnswer
from shared.tables import CALLS
from tests.calls.test_call_callbacks import Acs, acs_itself, connection_of, event
from tests.calls.test_calls import AUDIO, PHONE, has, is_connected, place, watched
from tests.support.control import Control
from tests.support.people import Person
from tests.support.stack import Stack
from tests.support.storage import table

__all__ = ["acs_itself"]
TOLD = f"Participant 4:{PHONE} of 8:acs:11111111-2222-4333-8444-555555555555_0 has left."


async def test_what_acs_says_in_words_reaches_nobody(
    manager: Person, acs: Control, acs_itself: Acs, stack: Stack
) -> None:
    call = (await place(manager, {"phoneNumber": PHONE})).json["id"]
    await watched(manager, call, is_connected)
    connection = await connection_of(acs, call)
    action = (await manager.ask(f"/calls/{call}/play", "POST", {"url": AUDIO})).json["id"]
    outcome = {"code": 400, "subCode": 8536, "message": TOLD}
    for kind in ("PlayFailed", "CallDisconnected"):
        told = event(connection, kind, time=datetime(2001, 1, 1, tzinfo=UTC).isoformat())
        told["data"] |= {"operationContext": action, "resultInformation": outcome}
        assert (await acs_itself.tell(call, [told])).status == 200

    shown = (await manager.ask(f"/calls/{call}")).json
    async with table(stack, CALLS) as rows:
        record = await rows.get_entity(call, "call")

    ours = {"code": 400, "subCode": 8536, "message": "The audio could not be fetched."}
    assert (shown["reason"], shown["actions"][0]["reason"]) == (ours, ours)
    assert PHONE not in json.dumps(shown)
    assert "Participant" not in record["reason"] + record["actions"]


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (Reason(200, 5300, TOLD), "A participant was removed."),
        (Reason(487, 0, TOLD), "It was canceled, or nobody answered."),
        (Reason(503, 0, TOLD), "Azure Communication Services failed."),
        (Reason(-7, 0, TOLD), "It ended with this code of Azure Communication Services."),
        (Reason(400, 0, reasons.CALL_GONE), reasons.CALL_GONE),
        (Reason(400, 0, "ACS does not take this (8523)."), "ACS does not take this (8523)."),
        (
            Reason(400, 0, f"ACS does not take this ({PHONE[1:]})."),
            "Azure Communication Services could not do it.",
        ),
    ],
)
def test_texts_of_acs_that_are_stored_are_not_shown(stored: Reason, words: str) -> None:
    answer = ReasonAnswer.of(stored)

    assert answer is not None
    assert (answer.code, answer.sub_code) == (stored.code, stored.sub_code)
    assert answer.message == words


def test_a_code_of_acs_that_may_be_a_number_is_not_shown() -> None:
    codes = [refusal(code) for code in ("8523", "InvalidRequest", PHONE[1:], "no code")]

    assert codes == [
        f"ACS does not take this ({code})." for code in ("8523", "InvalidRequest", *["no code"] * 2)
    ]


async def test_a_masked_number_cannot_be_found_from_the_id_of_its_participant(
    manager: Person, stack: Stack
) -> None:
    shown, call = list[str](), ""
    for _ in range(2):
        call = (await place(manager, {"phoneNumber": PHONE})).json["id"]
        seen = await watched(manager, call, has(1))
        again = (await manager.ask(f"/calls/{call}")).json
        assert again["participants"] == seen["participants"]
        shown.append(seen["participants"][0]["id"])

    unsalted = participant_id(call, "", f"4:{PHONE}")
    assert unsalted not in shown
    async with table(stack, CALLS) as rows:
        record = await rows.get_entity(call, "call")
        del record["salt"]  # as earlier versions have stored it
        await rows.update_entity(record, mode="replace")
    [old] = (await manager.ask(f"/calls/{call}")).json["participants"]
    assert old["id"] == unsalted
    removed = await manager.ask(f"/calls/{call}/participants/{unsalted}", "DELETE")
    assert removed.status == 202
