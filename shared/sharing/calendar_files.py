"""An invitation as an iCalendar file (RFC 5545), for people's calendars."""

from datetime import timedelta

from icalendar import Calendar, Event

from shared.sharing.invitations import SharedCallView

# The length in a calendar of a call without an end: a person who adds it can change that.
_DEFAULT_DURATION = timedelta(hours=1)


def calendar_file(shared: SharedCallView) -> str:
    """The invitation as a calendar of one event.

    A call without times begins when it was shared, and one without an end lasts an hour. A calendar
    that has the event already takes the one with the higher SEQUENCE.
    """
    content, event = shared.content, Event()
    event.add("uid", f"{shared.call_id}@trusted-service")
    event.add("sequence", shared.revision)
    event.add("dtstamp", content.shared_at)  # with no METHOD: when it was changed last
    event.add("dtstart", content.due_at)
    # iCalendar times are whole seconds, and RFC 5545 wants the end to be later than the start.
    if content.ends_at is not None and content.ends_at - content.due_at >= timedelta(seconds=1):
        event.add("dtend", content.ends_at)
    else:
        event.add("dtend", content.due_at + _DEFAULT_DURATION)
    event.add("summary", content.title or "Call")
    host = content.host.display_name or content.host.id
    event.add("description", "\n".join([f"Shared by {host}", *_ways_to_join(shared)]))
    if "meetingLink" in content.locator:
        event.add("url", content.locator["meetingLink"])
    calendar = Calendar()
    calendar.add("prodid", "-//trusted-service//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return str(calendar.to_ical().decode())


def _ways_to_join(shared: SharedCallView) -> list[str]:
    lines = [f"{name}: {value}" for name, value in shared.content.locator.items()]
    details = shared.details
    if details is None:
        return lines
    alternatives = {
        "meetingId": details.meeting_id,
        "passcode": details.passcode,
        "phone": details.toll_free_number or details.toll_number,
        "conferenceId": details.conference_id,
    }
    return lines + [f"{name}: {value}" for name, value in alternatives.items() if value]
