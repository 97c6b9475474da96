"""Calls are recorded, and each recording is left at another point of its way."""

import json

from shared.app import App
from shared.calls.dialling import Target
from shared.calls.events import read_events
from shared.calls.recorded_files import FileEvent, RecordedFile
from shared.principals import Caller
from tests.golden.scenes.calls import MANAGE_CALLS, place
from tests.golden.stage import Stage, Step

RECORD_CALLS = "Calls.Record"
NOTICE = "https://audio.example.com/notice.wav"
STORAGE = "https://storage.asm.skype.com/v1/objects"


class Recorder:
    """Somebody who records a call."""

    def __init__(self, stage: Stage, caller: Caller, call: str) -> None:
        self._stage, self.caller, self.call = stage, caller, call

    async def start(self, key: str, app: App | None = None) -> str:
        """The id of a recording that was asked for."""
        recording = (app or self._stage.app).call_recording
        return (await recording.start(self.caller, self.call, key)).id

    async def reports(self, *states: str) -> None:
        """ACS tells of the latest recording."""
        for state in states:
            kept = await self._latest_in_acs()
            await self._stage.tell(
                self.call,
                "RecordingStateChanged",
                recordingId=kept["recordingId"],
                serverCallId=kept["serverCallId"],
                state=state,
            )

    async def notice_ends(self, app: App, id_: str, kind: str, **data: object) -> None:
        """ACS tells how the notice has ended."""
        connection = await self._stage.connection(self.call)
        event = self._stage.event(connection, kind, operationContext=id_, **data)
        [read] = read_events(_body(event))
        await app.call_recording.continue_call(await app.calls.apply(self.call, [read]))

    async def is_filed(self, *documents: str) -> None:
        """Event Grid tells where the latest recording is."""
        kept = await self._latest_in_acs()
        files = [
            RecordedFile(
                one,
                f"{STORAGE}/{one}/content/video",
                f"{STORAGE}/{one}/content/acsmetadata",
                f"{STORAGE}/{one}",
            )
            for one in documents
        ]
        event = FileEvent(
            f"file of {documents[0]}", self._stage.time, kept["recordingId"], tuple(files)
        )
        assert await self._stage.app.call_recording.add_file(event)

    async def _latest_in_acs(self) -> dict[str, str]:
        kept: list[dict[str, str]] = (await self._stage.acs.get("recordings"))["recordings"]
        return kept[-1]


def _body(event: dict[str, object]) -> bytes:
    return json.dumps([event]).encode()


async def record_calls(stage: Stage) -> None:
    nora = await stage.enrol("nora", "Nora North", MANAGE_CALLS, RECORD_CALLS)
    await stage.enrol("otto", "Otto Ost")
    announcing = stage.host(RECORDING_NOTICE=NOTICE)
    recording = stage.app.call_recording

    first = await _connected(stage, nora, "recorded")
    await first.start("whole")
    await first.reports("inactive", "active")
    stage.wait(minutes=1)
    await recording.pause(nora, first.call)
    await first.reports("inactive")
    await recording.resume(nora, first.call)
    await first.reports("active")
    await recording.stop(nora, first.call)
    await first.is_filed("0-eus-d1-0001", "0-eus-d1-0002")
    stage.wait(minutes=1)
    failed = await first.start("nobody heard it", announcing)
    await first.notice_ends(
        announcing, failed, "PlayFailed", resultInformation={"code": 400, "subCode": 8536}
    )
    heard = await first.start("heard", announcing)
    await first.notice_ends(announcing, heard, "PlayCompleted")
    await first.reports("inactive", "active")
    await recording.pause(nora, first.call)
    await first.reports("inactive")

    second = await _connected(stage, nora, "half recorded")
    await stage.killed(Step("acs", "startRecording", "after"), second.start("died"))
    await stage.app.call_recording.stop(nora, second.call)
    await second.start("announced", announcing)

    third = await _connected(stage, nora, "hardly recorded")
    await stage.killed(Step("tables", "insert", "before"), third.start("not noted"))

    # Of somebody who is gone only a row is left, by which the file is deleted when it comes.
    gone = await stage.enrol("gone", "Gone Girl", MANAGE_CALLS, RECORD_CALLS)
    fourth = await _connected(stage, gone, "erased")
    await fourth.start("erased")
    await stage.app.personal_data.erase(gone)


async def _connected(stage: Stage, caller: Caller, key: str) -> Recorder:
    call = await place(stage, caller, key, Target(user="otto"))
    await stage.connected(call, 1)
    [kept] = [
        one for one in (await stage.acs.state())["calls"] if one["callbackUri"].endswith(call)
    ]
    await stage.tell(call, "CallConnected", serverCallId=kept["serverCallId"])
    return Recorder(stage, caller, call)
