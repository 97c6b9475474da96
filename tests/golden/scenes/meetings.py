"""Teams meetings are scheduled, shared by their link, and cancelled."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from devstack.issuer.users import object_id
from shared.meetings.graph import MeetingPlan
from shared.sharing.audiences import Audience
from tests.golden.product import ENTRA_REALM, START, user
from tests.golden.stage import Stage, Step

SCHEDULE = "Meetings.Schedule"
FRIENDS = Audience(friends=True)
EVENING = START + timedelta(hours=6)
PLAN = MeetingPlan("Visit", EVENING, EVENING + timedelta(hours=1), "everyone")
OPEN_PLAN = MeetingPlan("Round", EVENING, EVENING + timedelta(hours=2), None)
SHORT_LINK = "https://teams.microsoft.com/meet/26799912345678?p=GoldenPasscode"


async def schedule_meetings(stage: Stage) -> None:
    doctor = await stage.enrol(
        user("alex", ENTRA_REALM), "Dr. Alex", SCHEDULE, object_id=object_id("alice")
    )
    patient = await stage.enrol(user("paula", ENTRA_REALM), "Paula")
    await stage.befriend(doctor, patient)
    await stage.graph.tenant(audioConferencing=True)
    await stage.app.meetings.schedule(doctor, "visit 1", PLAN, FRIENDS)
    # Graph knows a toll-free number where the tenant has bought one, which the emulator's has not.
    [made] = (await stage.graph.state())["meetings"]
    made["audioConferencing"]["tollFreeNumber"] = "+18005550100"
    await stage.graph.fault("update", status=200, body=made, times=1)
    await stage.app.meetings.schedule(doctor, "visit 1", PLAN, FRIENDS)
    await stage.graph.tenant(passcodes=False)
    await stage.app.meetings.schedule(doctor, "visit 2", OPEN_PLAN, Audience(users=("paula",)))
    await _share_links(stage)
    await _schedule_and_die(stage)
    await _cancel_and_die(stage)


async def _share_links(stage: Stage) -> None:
    nurse = await stage.enrol(user("nora", ENTRA_REALM), "Nora Nurse", object_id=object_id("bob"))
    met: dict[str, Any] = await stage.graph.meeting(
        "bob",
        subject="Ward round",
        startDateTime=EVENING.isoformat(),
        endDateTime=(EVENING + timedelta(minutes=30)).isoformat(),
        lobbyBypassSettings={"scope": "invited"},
        allowedLobbyAdmitters="organizerAndCoOrganizers",
    )
    lobby = Audience(space="waiting room")
    await stage.app.meetings.share(nurse, met["joinWebUrl"], None, None, None, lobby)
    guest = await stage.enrol("gwen", "Gwen Guest")
    await stage.app.meetings.share(guest, SHORT_LINK, "Quiz", None, None, lobby)


async def _schedule_and_die(stage: Stage) -> None:
    sue = await stage.enrol("sue", "Sue Sands", SCHEDULE)
    await stage.killed(
        Step("graph", "createOrGet", "after"),
        stage.app.meetings.schedule(sue, "lost answer", PLAN, FRIENDS),
    )


async def _cancel_and_die(stage: Stage) -> None:
    tom = await stage.enrol("tom", "Tom Tate", SCHEDULE)
    made, _, _ = await stage.app.meetings.schedule(tom, "cancelled", PLAN, FRIENDS)
    stage.wait(minutes=1)
    await stage.killed(
        Step("tables", "update", "after"), stage.app.meetings.cancel(tom, made.call_id)
    )
    await stage.killed(
        Step("graph", "createOrGet", "before"),
        stage.app.meetings.schedule(tom, "lost and cancelled", PLAN, FRIENDS),
    )
    [lost] = [
        row["callId"]
        for row in await _exported_meetings(stage, tom)
        if row["callId"] != made.call_id
    ]
    await stage.killed(Step("tables", "update", "after"), stage.app.meetings.cancel(tom, str(lost)))


async def _exported_meetings(stage: Stage, who: Any) -> list[Mapping[str, Any]]:
    return list((await stage.app.personal_data.export(who))["meetings"])
