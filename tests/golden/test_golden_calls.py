"""Everybody finds each call that they placed, with everything that has happened to it."""

from shared.app import App
from shared.calls.dialling import Target
from tests.golden.client import Json, refusal, tell
from tests.golden.conftest import Changing, SignIn
from tests.golden.product import ENTRA_REALM, user
from tests.support.control import Control

MANAGE_CALLS = "Calls.Manage"
NOAH, OLIVE = Target(user="noah"), Target(user="olive")

CONNECTING = "b880b47e099e4b48bcdd24afb987a1e8"
JOINED = "474d40248ff74294804fa9f6592d2fbb"
STEERED = "6ddfe8e257c74ed79a0e7c5141fe902a"
BUSY = "f93f13cb19b1499ea9bee7e31d54df2a"
SILENT = "38df02e0c5604e818c4a3938e4e6d319"
ENDED = "bd41437bb9d041a099ba9b4186ae9881"
INDEX_ALONE = "20352a4cdd1d4bc09b9748ed37ea1219"
REFUSED = "ee8b67cf9fdf4fea8308eb720b4399d7"

OF_ENTRA = "405d13d4b3f1410c94123d171d7ce834"
# ACS's ids of their connections.
JOINED_IN_ACS = "b4948d16-7ac3-4326-bf0b-1517dc11dc56"
STEERED_IN_ACS = "ff3c6985-37a0-4e6f-b276-e13b4b243c4d"
# An action.
INVITED = "2ce22330395f18926fd2dbbf152c4ae8"


def at(rest: str) -> str:
    return f"2026-11-28T12:{rest}Z"


def action(id_: str, kind: str, state: str, asked: str, ended: str = "", **more: object) -> Json:
    times = {"askedAt": at(f"06:00.{asked}")} | ({"endedAt": at(f"06:00.{ended}")} if ended else {})
    return {"id": id_, "kind": kind, "state": state, **times, **more}


def reason(code: int, sub_code: int, message: str) -> Json:
    return {"code": code, "subCode": sub_code, "message": message}


def events(*told: tuple[str, str]) -> list[Json]:
    return [{"type": kind, "at": at(rest)} for rest, kind in told]


def call(id_: str, state: str, created: str, **more: object) -> Json:
    usual: Json = {"participants": [], "actions": [], "events": []}
    return {"id": id_, "state": state, "createdAt": at(created), **usual, **more}


WATCHED = [
    call(CONNECTING, "connecting", "07:00.018"),
    call(
        JOINED,
        "connected",
        "06:00.016",
        connectedAt=at("06:00.017"),
        participants=[
            {
                "id": "1f54a6583911c8d4e273e2cc99dd83dd",
                "user": "noah",
                "isMuted": False,
                "isOnHold": False,
            }
        ],
        events=events(("06:00.017", "CallConnected"), ("06:00.018", "ParticipantsUpdated")),
    ),
    call(
        STEERED,
        "connected",
        "06:00.004",
        connectedAt=at("06:00.005"),
        participants=[
            {
                "id": "87998aaee85f4deec5f5a86cd9a414ea",
                "user": "noah",
                "isMuted": True,
                "isOnHold": False,
            },
            {
                "id": "f111e4b82250dd9574a1321032c2b142",
                "bot": "support",
                "isMuted": False,
                "isOnHold": False,
            },
            {
                "id": "55b365edf918d364a504a799ef79aab7",
                "phoneNumber": "••••••••••23",
                "isMuted": False,
                "isOnHold": True,
            },
        ],
        actions=[
            action(INVITED, "invite", "succeeded", "006", "007"),
            action("82e203be45a3a0cd166ab166b16aafd3", "invite", "requested", "006"),
            action(
                "2e57c774e2c869fde01681c264c7bd7c",
                "invite",
                "failed",
                "007",
                "008",
                reason=reason(408, 10323, "Nobody answered in time."),
            ),
            action("1f8f25674e7e4500b1db6ec3ca398a6e", "play", "started", "008"),
            action("e69f0a299fca4c59ae9ec83972386432", "play", "succeeded", "009", "010"),
            action("64d4dd820b8146e3b3cf00d5252436f9", "play", "canceled", "010", "011"),
            action(
                "018bf48dceab4319885ceb91673acbdf",
                "play",
                "failed",
                "011",
                "011",
                reason=reason(400, 0, "ACS does not take this (8500)."),
            ),
            action(
                "268a4539fa9141809d3e03213f1559dc", "tones", "succeeded", "011", "012", tones="12#"
            ),
            action(
                "6709d6d9f8a3421289245a7b69d6da13", "tones", "succeeded", "012", "013", tones=""
            ),
            action(
                "e24eae584c144754b15eedf1366b0ab6",
                "tones",
                "failed",
                "013",
                "014",
                reason=reason(400, 8510, "Nobody pressed a key in time."),
            ),
            action("c874db4ba15f446f8a529bb6fa1cb6a7", "tones", "canceled", "014", "015"),
            action("3d1c78c5e0c840ddabc884226d9d358e", "remove", "succeeded", "015", "016"),
        ],
        events=events(
            ("06:00.005", "CallConnected"),
            ("06:00.006", "ParticipantsUpdated"),
            ("06:00.007", "AddParticipantSucceeded"),
            ("06:00.008", "AddParticipantFailed"),
            ("06:00.009", "PlayStarted"),
            ("06:00.010", "PlayCompleted"),
            ("06:00.011", "PlayCanceled"),
            ("06:00.012", "RecognizeCompleted"),
            ("06:00.013", "RecognizeCompleted"),
            ("06:00.014", "RecognizeFailed"),
            ("06:00.015", "RecognizeCanceled"),
            ("06:00.016", "RemoveParticipantSucceeded"),
        ),
    ),
    call(
        BUSY,
        "disconnected",
        "06:00.003",
        endedAt=at("06:00.004"),
        reason=reason(486, 560486, "The line was busy."),
        events=events(("06:00.004", "CreateCallFailed")),
    ),
    call(
        SILENT,
        "disconnected",
        "06:00.002",
        endedAt=at("06:00.003"),
        events=events(("06:00.003", "CallDisconnected")),
    ),
    call(
        ENDED,
        "disconnected",
        "04:00.000",
        connectedAt=at("04:00.001"),
        endedAt=at("06:00.002"),
        reason=reason(200, 560000, "It ended as it should."),
        events=events(("04:00.001", "CallConnected"), ("06:00.002", "CallDisconnected")),
    ),
]


async def test_a_call_is_as_acs_has_last_told_in_our_words(sign_in: SignIn) -> None:
    for who in (sign_in("mia"), sign_in("somebody else", MANAGE_CALLS)):
        assert [await who.call(one["id"]) for one in WATCHED] == WATCHED


async def test_nobody_else_learns_of_a_call(sign_in: SignIn) -> None:
    stranger = sign_in("somebody else")
    answers = [await refusal(stranger.call(one["id"])) for one in WATCHED]

    assert answers == ["not-found"] * len(WATCHED)


async def test_whoever_has_placed_calls_finds_them_the_newest_first(sign_in: SignIn) -> None:
    listed = [{name: value for name, value in one.items() if name != "events"} for one in WATCHED]
    for one in listed:
        one["participants"] = [
            {name: value for name, value in who.items() if name not in ("user", "bot")}
            for who in one["participants"]
        ]

    assert await sign_in("mia").calls() == listed


async def test_a_call_that_was_only_begun_is_found(sign_in: SignIn) -> None:
    begun = [
        ("kit, who died: not asked for", "494f26b7920348d897a09b217bc282ef", "01:00.000"),
        ("kit, who died: asked for", "8632c1d466794820a83c13c8dbc0b8a6", "02:00.000"),
        ("kit, who died: group asked for", "d906743ea35a4016adc836224ba9250f", "03:00.000"),
        ("kit", REFUSED, "04:00.000"),
    ]

    assert [await sign_in(who).call(id_) for who, id_, _ in begun] == [
        call(id_, "placing", created) for _, id_, created in begun
    ]


async def test_calls_of_another_realm_are_nobodys_business(sign_in: SignIn) -> None:
    """Also a manager's of the same name."""
    vic = sign_in(user("vic", ENTRA_REALM))
    assert await vic.call(OF_ENTRA) == call(OF_ENTRA, "placing", "30:00.000")
    manager = sign_in(user("manager", ENTRA_REALM), MANAGE_CALLS)
    assert (await manager.call(OF_ENTRA))["id"] == OF_ENTRA
    assert await refusal(manager.call(STEERED)) == "not-found"
    assert await refusal(sign_in("manager", MANAGE_CALLS).call(OF_ENTRA)) == "not-found"


async def test_a_request_that_is_repeated_is_the_same_call(
    sign_in: SignIn,
) -> None:
    mia = sign_in("mia", MANAGE_CALLS)

    assert await mia.place("ended", NOAH) == ENDED
    assert await mia.place("connecting", NOAH) == CONNECTING
    assert await refusal(mia.place("ended", OLIVE)) == "idempotency-key-reused"


async def test_a_call_of_which_only_the_index_is_there_comes_to_its_record(
    sign_in: SignIn, acs: Control, changing: Changing
) -> None:
    """The repetition of its request gives it the id that the index has; ACS is not let ring."""
    changing("calls")
    kit = sign_in("kit, who died: index alone", MANAGE_CALLS)
    assert await kit.calls() == []
    await acs.fault("createCall", status=400)

    assert await refusal(kit.place("index alone", NOAH)) == "call-refused"

    assert await kit.call(INDEX_ALONE) == call(INDEX_ALONE, "placing", "00:00.000")


async def test_an_invitation_that_is_repeated_is_the_same_action(sign_in: SignIn) -> None:
    mia = sign_in("mia", MANAGE_CALLS)

    assert await mia.invite(STEERED, "succeeded", OLIVE) == INVITED
    assert await refusal(mia.invite(STEERED, "succeeded", NOAH)) == "idempotency-key-reused"
    assert await refusal(mia.invite(ENDED, "another", OLIVE)) == "call-ended"


async def test_an_event_that_comes_again_changes_nothing_and_a_new_one_does(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    """Whether it came before follows from its row, whether it is true from the connection's id."""
    changing("calls")
    other = tell(app, JOINED, "another", "new", "CallDisconnected")
    assert await refusal(other) == "forbidden"
    assert not await tell(app, JOINED, JOINED_IN_ACS, "calls event 17", "CallDisconnected")
    assert (await sign_in("mia").call(JOINED))["state"] == "connected"

    assert await tell(app, JOINED, JOINED_IN_ACS, "new", "CallDisconnected")

    assert (await sign_in("mia").call(JOINED))["endedAt"] == "2026-11-28T16:00:00.000Z"


async def test_a_list_of_participants_that_is_late_is_passed_over(
    app: App, sign_in: SignIn, changing: Changing
) -> None:
    """The number of the last list is known: 3,000,000,000 does not fit into 32 bits."""
    changing("calls")
    before = (await sign_in("mia").call(STEERED))["participants"]
    for number in (2_999_999_999, 3_000_000_000):
        await tell(
            app, STEERED, STEERED_IN_ACS, f"{number}", "ParticipantsUpdated", sequenceNumber=number
        )
    assert (await sign_in("mia").call(STEERED))["participants"] == before

    await tell(
        app, STEERED, STEERED_IN_ACS, "newer", "ParticipantsUpdated", sequenceNumber=3_000_000_001
    )

    assert (await sign_in("mia").call(STEERED))["participants"] == []


async def test_an_export_tells_of_the_calls_that_were_placed(sign_in: SignIn) -> None:
    assert (await sign_in("mia").export())["calls"] == [
        {
            "callId": one["id"],
            "state": one["state"],
            "createdAt": one["createdAt"],
            "toBot": False,
        }
        for one in WATCHED
    ]


async def test_an_erasure_finds_every_row_of_somebodys_calls(
    app: App, sign_in: SignIn, acs: Control, changing: Changing
) -> None:
    """Those that go on are hung up first, as ACS knows them."""
    golden = changing("calls", "identities")
    hung_up = await acs.fault("terminateCall", status=204)

    await app.personal_data.erase(sign_in("mia").caller)

    hits = {one["id"]: one["hits"] for one in (await acs.get("faults"))["faults"]}
    assert hits[hung_up] == 3
    left = {row.partition_key for row in golden.now("calls")}
    assert not left & {one["id"] for one in WATCHED}
    assert await sign_in("manager", MANAGE_CALLS).calls() == []
    assert await refusal(sign_in("manager", MANAGE_CALLS).call(STEERED)) == "not-found"
