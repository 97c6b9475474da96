"""Times of Graph: in UTC, to 100 ns, without trailing zeros."""

import re
from datetime import MAXYEAR, UTC, datetime, timedelta

TICKS_PER_SECOND = 10**7
HOUR = 3600 * TICKS_PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(
    r"(?P<seconds>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,7}))?"
    r"(?P<zone>Z|[+-]\d\d:\d\d)",
    re.ASCII,
)


def read_time(text: object) -> int:
    """The ticks of 100 ns since 1970 of an OData DateTimeOffset, which always has an offset.

    Raises:
        ValueError: it is none, or not in the years 1 to 9998: the default end is an hour later.
    """
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} is no time such as 2026-01-31T09:00:00Z, with its offset")
    try:
        moment = datetime.fromisoformat(match["seconds"] + match["zone"]).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is out of range") from error
    if moment.year == MAXYEAR:
        raise ValueError(f"{text!r} is out of range")
    seconds = (moment - _EPOCH) // timedelta(seconds=1)
    return seconds * TICKS_PER_SECOND + int((match["fraction"] or "").ljust(7, "0"))


def written_time(ticks: int) -> str:
    """As .NET writes times: `2020-09-11T06:30:18.1909168Z`, `2018-05-30T01:00:00Z`."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    digits = f".{fraction:07}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + digits + "Z"
