"""An invitation as an iCalendar file (RFC 5545), for people's calendars."""

from datetime import UTC, datetime

from icalendar import Calendar, Event

from shared.invitations import Shared


def calendar_file(shared: Shared) -> str:
    """One event. A call without times begins when it was shared."""
    content, event = shared.content, Event()
    event.add("uid", f"{shared.call_id}@trusted-service")
    event.add("dtstamp", datetime.now(UTC))
    event.add("dtstart", content.due_at)
    if content.ends_at is not None:
        event.add("dtend", content.ends_at)
    event.add("summary", content.title or "Call")
    host = content.host.display_name or content.host.id
    located = "\n".join(f"{name}: {value}" for name, value in content.locator.items())
    event.add("description", f"Shared by {host}\n{located}")
    calendar = Calendar()
    calendar.add("prodid", "-//trusted-service//EN")
    calendar.add("version", "2.0")
    calendar.add_component(event)
    return str(calendar.to_ical().decode())
