"""Calls are placed, watched and steered; hosts die while they place them."""

import pytest

from devstack.well_known import AUDIO_HOST
from shared.calls.acs_types import PlaySource, ToneRecognition
from shared.calls.dialling import Target
from shared.calls.participants import participant_id
from shared.principals import Caller
from shared.problems import CallRefused
from tests.golden.product import bot, user
from tests.golden.stage import Stage, Step

MANAGE_CALLS, OPERATE_BOTS = "Calls.Manage", "Bots.Operate"
PHONE = "+14255550123"
GROUP = "acde0000-0000-4000-8000-0000000ca2aa"
AUDIO = PlaySource(url=f"https://{AUDIO_HOST}/hello.wav")
LISTENING = ToneRecognition(
    max_tones=3, stop_tones="#", initial_silence_timeout=5, inter_tone_timeout=2
)
NOAH, SUPPORT, PHONED = Target(user="noah"), Target(bot="support"), Target(phone_number=PHONE)
# Numbers of ACS's lists of participants: one of 32 bits, and one that needs 64.
FEW, MANY = 7, 3_000_000_000


async def place_calls(stage: Stage) -> None:
    mia = await stage.enrol("mia", "Mia Moss", MANAGE_CALLS, OPERATE_BOTS)
    await stage.enrol("noah", "Noah Nile")
    await stage.enrol("olive", "Olive Oak")
    await stage.app.bots.register(mia, "support", "Support")
    await _place_and_die(stage)
    await _end(stage, mia)
    await _steer(stage, mia)
    await _join(stage, mia)
    stage.wait(minutes=1)
    await place(stage, mia, "connecting", NOAH)


async def place(
    stage: Stage, caller: Caller, key: str, *targets: Target, group: str | None = None
) -> str:
    """The id of a call that ACS has taken."""
    seen = await stage.app.call_placing.place(caller, key, targets, None, group)
    return seen.call.call_id


async def _place_and_die(stage: Stage) -> None:
    for key, step, targets, group in (
        ("index alone", Step("tables", "batch", "after"), (NOAH,), None),
        ("not asked for", Step("tables", "update", "before"), (NOAH,), None),
        ("asked for", Step("acs", "createCall", "before"), (NOAH, SUPPORT, PHONED), None),
        ("group asked for", Step("acs", "connectCall", "before"), (), GROUP),
    ):
        # Each is another person: when a person places another call, the record of their first one
        # is made.
        caller = await stage.enrol(f"kit, who died: {key}", None, MANAGE_CALLS)
        await stage.killed(step, stage.app.call_placing.place(caller, key, targets, None, group))
        stage.wait(minutes=1)
    kit = await stage.enrol("kit", "Kit Kane", MANAGE_CALLS)
    await stage.acs.fault("createCall", status=400, body={"error": {"code": "8523"}}, times=1)
    with pytest.raises(CallRefused):
        await place(stage, kit, "refused", NOAH)


async def _end(stage: Stage, mia: Caller) -> None:
    """The next call that is placed finds that these have ended, and the index learns it."""
    ended = await place(stage, mia, "ended", NOAH)
    await stage.tell(ended, "CallConnected", serverCallId="server call of ended")
    stage.wait(minutes=2)
    reason = {"code": 200, "subCode": 560000, "message": "The conversation has ended. ✓"}
    await stage.tell(ended, "CallDisconnected", resultInformation=reason)
    silent = await place(stage, mia, "ended without a reason", NOAH)
    await stage.tell(silent, "CallDisconnected")
    busy = await place(stage, mia, "busy", PHONED)
    reason = {"code": 486, "subCode": 560486, "message": "Busy."}
    await stage.tell(busy, "CreateCallFailed", resultInformation=reason)


async def _steer(stage: Stage, mia: Caller) -> None:
    call = await place(stage, mia, "steered", NOAH, SUPPORT, PHONED)
    await stage.connected(call, 3)
    noah, support = await raw_id(stage, NOAH), await raw_id(stage, SUPPORT)
    await stage.tell(call, "CallConnected", serverCallId="server call of steered")
    people = [
        {"identifier": {"rawId": noah}, "isMuted": True, "isOnHold": False},
        {"identifier": {"rawId": support}, "isMuted": False, "isOnHold": False},
        {"identifier": {"rawId": f"4:{PHONE}"}, "isMuted": False, "isOnHold": True},
    ]
    await stage.tell(call, "ParticipantsUpdated", participants=people, sequenceNumber=MANY)
    await _invite(stage, mia, call)
    await _play(stage, mia, call)
    await _collect(stage, mia, call)
    found = await stage.app.call_records.find(call)
    assert found is not None
    noahs = participant_id(call, found.salt, noah)
    removed = await stage.app.call_actions.remove(mia, call, noahs)
    await stage.tell(call, "RemoveParticipantSucceeded", operationContext=removed.id)


async def _invite(stage: Stage, mia: Caller, call: str) -> None:
    olive = Target(user="olive")
    for key, told in (("asked", ""), ("succeeded", "Succeeded"), ("failed", "Failed")):
        action = await stage.app.call_actions.invite(mia, call, key, olive)
        reason = {"code": 408, "subCode": 10323, "message": "No answer."}
        if told:
            await stage.tell(
                call,
                f"AddParticipant{told}",
                operationContext=action.id,
                **({"resultInformation": reason} if told == "Failed" else {}),
            )


async def _play(stage: Stage, mia: Caller, call: str) -> None:
    for told in ("PlayStarted", "PlayCompleted", "PlayCanceled"):
        action = await stage.app.call_actions.play(mia, call, AUDIO, None, loop=False)
        await stage.tell(call, told, operationContext=action.id)
    await stage.acs.fault("play", status=400, body={"error": {"code": "8500"}}, times=1)
    with pytest.raises(CallRefused):
        await stage.app.call_actions.play(mia, call, AUDIO, None, loop=False)


async def _collect(stage: Stage, mia: Caller, call: str) -> None:
    silence = {"code": 400, "subCode": 8510, "message": "Silence."}
    results: tuple[tuple[str, dict[str, object]], ...] = (
        ("RecognizeCompleted", {"dtmfResult": {"tones": ["one", "two", "pound"]}}),
        ("RecognizeCompleted", {"dtmfResult": {"tones": []}}),
        ("RecognizeFailed", {"resultInformation": silence}),
        ("RecognizeCanceled", {}),
    )
    for told, data in results:
        action = await stage.app.call_actions.collect(mia, call, PHONED, LISTENING, None)
        await stage.tell(call, told, operationContext=action.id, **data)


async def _join(stage: Stage, mia: Caller) -> None:
    call = await place(stage, mia, "joined", group=GROUP)
    await stage.tell(call, "CallConnected", serverCallId="server call of joined")
    people = [{"identifier": {"rawId": await raw_id(stage, NOAH)}}]
    await stage.tell(call, "ParticipantsUpdated", participants=people, sequenceNumber=FEW)


async def raw_id(stage: Stage, who: Target) -> str:
    """Somebody's ACS id, as a friend or a manager finds it."""
    found = await stage.app.identities.find(
        user(who.user) if who.user is not None else bot(who.bot or "")
    )
    assert found is not None
    return found.communication_user_id
