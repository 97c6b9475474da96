"""Times as .NET writes them, in UTC: most of them with seven digits after the second."""

import time


def dotnet_time(nanoseconds: int, offset: str) -> str:
    """A time since 1970, such as `2023-06-28T07:30:12.7039383+00:00`.

    Args:
        offset: how UTC is written: `Z` or `+00:00`.
    """
    seconds, rest = divmod(nanoseconds, 10**9)
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{second}.{rest // 100:07}{offset}"


def millisecond_time(nanoseconds: int) -> str:
    """A time since 1970 with milliseconds, such as `2024-11-15T19:16:12.925Z`."""
    seconds, rest = divmod(nanoseconds, 10**9)
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{second}.{rest // 1_000_000:03}Z"
