"""Apps that schedule in their own name may do with their own meetings and calls what people may."""

from tests.meetings.test_meetings import SCHEDULER, meetings, schedule
from tests.privacy.test_erasure import rows_about
from tests.support.control import Control
from tests.support.people import People, Person
from tests.support.stack import Host, Stack


def as_app(stack: Stack, app: Person, *roles: str) -> Person:
    """An app that signs in as itself, with these app roles."""
    app.bearer = stack.token(app.id, roles=roles, azp=app.id)
    return app


async def test_an_app_schedules_and_cancels_in_its_own_name(
    stack: Stack, one_host: Host, people: People, graph: Control
) -> None:
    [app] = people(one_host, "booking")
    as_app(stack, app, *SCHEDULER)

    made = await schedule(app, "visit", {"space": "clinic"})
    assert made.status == 201
    assert (await app.ask(f"/meetings/{made.json['id']}", "DELETE")).status == 204

    assert await meetings(graph, made.json["id"]) == []


async def test_the_location_of_a_meeting_answers_the_app_that_scheduled_it(
    stack: Stack, one_host: Host, people: People, graph: Control
) -> None:
    booking, other, person = people(one_host, "booking", "other", "person")
    as_app(stack, booking, *SCHEDULER)
    as_app(stack, other, *SCHEDULER)

    made = await schedule(booking, "visit", {"space": "clinic of apps"})
    location = made.headers["Location"].removeprefix("/api")
    opened = await booking.ask(location)

    [in_teams] = await meetings(graph, made.json["id"])
    assert opened.status == 200
    assert opened.json["locator"] == {"meetingLink": in_teams["joinWebUrl"]}
    assert opened.json["mine"] is True
    assert (await person.ask(location)).status == 200
    # The space is for people: another app opens nothing in it.
    assert (await other.ask(location)).status == 404
    assert (await as_app(stack, booking, "Tokens.Issue").ask(location)).status == 403


async def test_what_is_stored_about_an_app_is_exported_and_erased(
    stack: Stack, one_host: Host, people: People, graph: Control
) -> None:
    booking, person = people(one_host, "booking", "person")
    as_app(stack, booking, *SCHEDULER)
    call = (await schedule(booking, "visit", {"space": "clinic to erase"})).json["id"]

    exported = await booking.export()
    erased = await booking.forget()

    assert exported.status == 200
    assert exported.json["id"] == booking.id
    held = exported.json["held"]
    assert [one["callId"] for one in held["meetings"]] == [call]
    [shared] = held["invitations"]
    assert (shared["callId"], shared["audience"]) == (call, {"space": "clinic to erase"})
    assert erased.status == 204
    assert await meetings(graph, call) == []
    assert rows_about(stack, booking.id, call) == []
    assert await person.calls("clinic to erase") == []
    assert (await booking.export()).status == 401
    assert (await schedule(as_app(stack, booking, *SCHEDULER), "visit")).status == 201


async def test_an_app_that_does_not_schedule_is_told_which_role_it_lacks(
    stack: Stack, one_host: Host, people: People
) -> None:
    [app] = people(one_host, "app")
    as_app(stack, app, "Tokens.Issue")

    replies = [await app.export(), await app.forget(), await app.open("f" * 64)]

    for reply in replies:
        assert (reply.status, reply.json["code"]) == (403, "forbidden")
        assert "Meetings.Schedule" in reply.json["detail"]
    assert rows_about(stack, app.id) == []
