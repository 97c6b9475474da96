"""Recordings that were asked for are found, with where their files are; those of erased people are
deleted when their files come."""

from datetime import UTC, datetime

from shared.app import App
from shared.calls.recorded_files import FILE_ROW, FileEvent, RecordedFile, file_key
from shared.table_api import TableApi
from shared.tables import CALLS, Table
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import READ
from tests.golden.rows import GoldenTables
from tests.support.control import Control

MANAGE_CALLS, RECORD_CALLS = "Calls.Manage", "Calls.Record"
RECORDED = "cafe154e319b4672acf7ff7c98f2e623"
HALF_RECORDED = "cc773d67c8534edcb4546c76a4f14984"
HARDLY_RECORDED = "58332e0d805c4927935944b9f7c62ed1"
# The PartitionKey of the row that is left of an erased person.
ERASED = "a7a56c60eb23044d780d844441c69486c6fe2a023ac1a59671a875c98d378aac"
# The latest recording of the first call, as ACS knows it.
PAUSED_IN_ACS = (
    "eyJQbGF0Zm9ybUVuZHBvaW50SWQiOiJiN2I3MGVkZC01NjY5LTQyOTktODU1NS03ZGI5NWJhYWUyZjciLCJSZXNvdXJj"
    "ZVNwZWNpZmljSWQiOiJhY2RlMDAwMC0wMDAwLTQwMDAtODAwMC0wMDAwMDAwMDcwNzMifQ"
)
STORAGE = "https://storage.asm.skype.com/v1/objects"


def file(document: str) -> dict[str, str]:
    location = f"{STORAGE}/{document}/content"
    return {"contentLocation": f"{location}/video", "metadataLocation": f"{location}/acsmetadata"}


async def test_recordings_are_shown_as_they_were(sign_in: SignIn) -> None:
    nora = sign_in("nora", None, MANAGE_CALLS)

    recorded = await nora.call(RECORDED)
    half, hardly = await nora.call(HALF_RECORDED), await nora.call(HARDLY_RECORDED)

    assert [(one["state"], one["since"][14:19]) for one in recorded["recordings"]] == [
        ("stopped", "01:00"),
        ("failed", "02:00"),
        ("paused", "02:00"),
    ]
    assert recorded["recording"] == {"state": "paused", "since": "2026-11-28T12:02:00.010Z"}
    assert recorded["recordings"][0]["files"] == [file("0-eus-d1-0001"), file("0-eus-d1-0002")]
    assert "notice" in recorded["recordings"][1]["reason"]["message"]
    assert [one["state"] for one in half["recordings"]] == ["stopped", "announcing"]
    assert [one["state"] for one in hardly["recordings"]] == ["starting"]
    assert "files" not in str(await sign_in("nora").call(RECORDED))


async def test_a_file_that_is_told_now_is_found(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("calls")
    one = "0-eus-d1-0003"
    location = f"{STORAGE}/{one}"
    told = RecordedFile(
        one, f"{location}/content/video", f"{location}/content/acsmetadata", location
    )

    assert await app.call_recording.add_file(FileEvent("late", READ, PAUSED_IN_ACS, (told,)))

    seen = await sign_in("nora", None, RECORD_CALLS).call(RECORDED)
    assert (seen["recording"]["state"], seen["recordings"][2]["files"]) == ("stopped", [file(one)])


async def test_a_key_that_comes_again_is_the_same_recording(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    changing("calls")
    nora = sign_in("nora", None, RECORD_CALLS)

    for key, state in (("whole", "stopped"), ("nobody heard it", "failed"), ("heard", "paused")):
        found = await app.call_recording.start(nora.caller, RECORDED, key)
        assert found.state == state


async def test_what_is_left_of_an_erased_recording_is_known(golden: GoldenTables, app: App) -> None:
    table = Table(TableApi(CALLS, app.settings.upstream, app.upstream))
    row = await table.find(ERASED, FILE_ROW)

    assert row is not None
    assert row.values == {"createdAt": datetime(2026, 11, 28, 12, 2, 0, 13000, tzinfo=UTC)}
    assert golden.rows
    assert file_key(PAUSED_IN_ACS) != ERASED


async def test_an_erasure_deletes_the_files_and_leaves_no_row_that_leads_to_a_person(
    app: App, sign_in: SignIn, acs: Control, changing: Changing
) -> None:
    golden = changing("calls", "identities")
    before = (await acs.state())["requests"]["deleteRecording"]

    await app.personal_data.erase(sign_in("nora").caller)

    assert (await acs.state())["requests"]["deleteRecording"] == before + 2
    left = [row for row in golden.now("calls") if row.row_key == FILE_ROW]
    assert all("callId" not in row.properties for row in left)
    assert ERASED in {row.partition_key for row in left}
