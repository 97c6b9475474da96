"""Schedules of timers: NCRONTAB expressions with six fields, the first for seconds, in UTC."""

import re
from dataclasses import dataclass
from datetime import datetime

from cronsim import CronSim, CronSimError

# What NCRONTAB knows: numbers, names, ranges, steps and lists of them. cronsim knows more.
_ITEM = r"(\*|\d{1,2}|[a-z]{3})(-(\d{1,2}|[a-z]{3}))?(/\d{1,2})?"
_FIELD = re.compile(f"{_ITEM}(,{_ITEM})*", re.IGNORECASE)
_FIELDS = 6


class ScheduleError(ValueError):
    """A text that is no schedule; the message says so."""


@dataclass(frozen=True)
class Schedule:
    """When a timer runs."""

    text: str

    def next_after(self, moment: datetime) -> datetime:
        """The first time after a moment, which has a time zone."""
        return next(_times(self.text, moment))


def parse(text: str) -> Schedule:
    """Read an expression such as `0 */5 * * * *`.

    Raises:
        ScheduleError: it is none, or it fits no day.
    """
    fields = text.split()
    if len(fields) != _FIELDS or not all(map(_FIELD.fullmatch, fields)):
        raise ScheduleError(f"'{text}' is no NCRONTAB expression of {_FIELDS} fields")
    try:
        next(_times(text, datetime.fromisoformat("2024-01-01T00:00:00Z")))
    except (CronSimError, StopIteration) as error:
        raise ScheduleError(f"'{text}' is no NCRONTAB expression: {error}") from error
    return Schedule(text)


def _times(text: str, moment: datetime) -> CronSim:
    times = CronSim(text, moment)
    # With both a day of the month and one of the week, NCRONTAB wants both; other crons want one.
    times.day_and = True
    return times
