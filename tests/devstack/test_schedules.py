"""When timers run: NCRONTAB expressions with six fields."""

from datetime import datetime

import pytest

from devstack.functions_host.schedule import ScheduleError, parse


@pytest.mark.parametrize(
    ("schedule", "moment", "following"),
    [
        ("0 */5 * * * *", "2026-03-01T10:02:30", "2026-03-01T10:05:00"),
        ("0 */5 * * * *", "2026-03-01T10:05:00", "2026-03-01T10:10:00"),
        ("*/20 * * * * *", "2026-12-31T23:59:41", "2027-01-01T00:00:00"),
        ("30 15,45 9-17 * * 1-5", "2026-03-06T17:45:30", "2026-03-09T09:15:30"),
        ("0 0 6 * Jan Mon", "2026-02-01T00:00:00", "2027-01-04T06:00:00"),
        # Other crons take any 13th and any Friday.
        ("0 0 0 13 * Fri", "2026-03-01T00:00:00", "2026-03-13T00:00:00"),
        ("0 0 0 13 * Fri", "2026-03-14T00:00:00", "2026-11-13T00:00:00"),
    ],
)
def test_a_schedule_says_when_it_is_next(schedule: str, moment: str, following: str) -> None:
    found = parse(schedule).next_after(datetime.fromisoformat(f"{moment}Z"))

    assert found == datetime.fromisoformat(f"{following}Z")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*/5 * * * *",
        "0 */5 * * * * *",
        "0 0 0 L * *",
        "0 0 0 * * 5#2",
        "60 * * * * *",
        "0 0 0 31 2 *",
        "00:05:00",
        "0 */5 * * * ?",
    ],
)
def test_what_azure_does_not_take_for_a_schedule_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError, match="no NCRONTAB expression"):
        parse(text)
