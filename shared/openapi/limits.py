"""The limits of an operation, and the page that has all of them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from shared import bounds
from shared.bounds import (
    BEARER_TOKEN,
    BODY,
    BODY_VALUES,
    BOT_MINUTES,
    CALLS_TO_ACCOUNT,
    PARAMETERS,
    TURNED_AWAY_KEPT,
    Limit,
)
from shared.http.operations import CallbackOperation, Operation
from shared.http.requests import MAX_CALLBACK_BYTES
from shared.openapi.functions import ROOT, DescribedOperation

PAGE = ROOT / "docs" / "limits.md"

_WITH_BODY = ("post", "put")
_HEAD = """\
# Limits
What one caller can store here and ask for is bounded. This page is made from the code, as
`x-limits` of each operation in [openapi.json](openapi.json) is; `python3 dev.py openapi` writes
both.

*A caller* is a person, an app or a bot of one realm. What is stored is counted over all hosts.
What is marked *each host* is counted in the memory of each instance of the app, for one minute: n
instances allow n times as many, and no request costs a write for it. What is refused with 429 may
be asked again: after `Retry-After` seconds where the answer has it, else once something has ended.

"""
_REST = f"""
## What bounds the rest
* What is not counted by itself follows from these: of the calls that a caller places, at most
  `MAX_LEGS_PER_MINUTE` a minute are kept for `CALL_RETENTION_DAYS` days; their keys, events and
  files go with them. Meetings are shared calls.
* Of one caller's calls to bots `MAX_CALLS_PER_CALLER` go on at the same time, and of all calls to
  one Teams resource account `MAX_CALLS_PER_ACCOUNT`, {CALLS_TO_ACCOUNT} by default. One more is not
  answered (`busy`). It is kept for some minutes, until `Tidy` removes it; of each bot at most
  {TURNED_AWAY_KEPT} a minute, on each host. A bot's own part of a call takes {BOT_MINUTES} minutes
  at most.
* How many calls to bots follow one another is not counted. Each that was answered, or that ended
  while it rang, is kept for `CALL_RETENTION_DAYS` days: set fewer days where too many come.
* `friends` is counted before somebody is asked, accepted or blocked. Requests of one person that
  are under way at the same time may each find the last place free: it may be exceeded by as many,
  which `decisions` bounds. To end or decline something is never refused; it counts for 50 minutes.
* What was withdrawn or has ended between two people is removed an hour later, unless the other
  still says yes or blocks: that is bounded by what each of the others may decide. Shared calls that
  are over are removed a day later, and sooner where their owner needs the room.
* A list of friends or calls has pages. That of invitations has the 1,000 that begin first, of at
  most 10,000 that are open.
* Friend requests that a person gets are bounded by what each of the others may ask.
* Bots and agents of a realm are counted, whoever registers or adds them. A registration that
  failed counts until it is repeated, or `Tidy` takes back its place, minutes later.
* How many requests of any kind somebody sends is for the platform to bound (API Management, Front
  Door, the maximum of instances). Each costs some milliseconds at most before it is refused.
"""


def limits_of(one: DescribedOperation) -> list[Limit]:
    """All limits of an operation: those of every request, and those that it declares."""
    operation = one.operation
    found = [] if isinstance(operation, CallbackOperation) else [PARAMETERS]
    if isinstance(operation, Operation):
        found.append(BEARER_TOKEN)
        if one.method in _WITH_BODY:
            found += [replace(BODY, number=operation.body.max_bytes), BODY_VALUES]
    if isinstance(operation, CallbackOperation):
        found.append(replace(BODY, number=MAX_CALLBACK_BYTES))
    return found + list(getattr(operation, "limits", ()))


def described(limits: Iterable[Limit]) -> list[dict[str, Any]]:
    """As `x-limits` has them."""
    return [
        {
            "name": limit.name,
            "most": limit.number,
            "of": limit.what,
            "status": int(limit.problem.status),
            "code": limit.problem.code,
            **({"setting": limit.setting} if limit.setting else {}),
            **({"countedBy": "host"} if limit.is_per_host else {}),
        }
        for limit in limits
    ]


def all_limits() -> list[Limit]:
    """In the order of `shared.bounds`."""
    return [one for one in vars(bounds).values() if isinstance(one, Limit)]


def page(found: Iterable[DescribedOperation]) -> str:
    """The whole page."""
    lines = ["| limit | at most | one more |", "|---|---|---|"]
    for limit in all_limits():
        most = f"{limit.number:,} {limit.what}"
        if limit.setting:
            most += f"; `{limit.setting}` sets it"
        if limit.is_per_host:
            most += ", each host"
        if limit == BODY:
            most += ", unless the route takes more (see below)"
        lines.append(f"| `{limit.name}` | {most} | {_refusal(limit)} |")
    lines += ["", "## By route", "| route | body | limits |", "|---|---|---|"]
    for one in sorted(found, key=lambda one: (one.path, one.method)):
        limits = limits_of(one)
        body = next(
            (f"{limit.number // 1024:,} KiB" for limit in limits if limit.name == "body"), ""
        )
        names = ", ".join(f"`{limit.name}`" for limit in limits if limit.name != "body")
        lines.append(f"| `{one.method.upper()} {one.path}` | {body} | {names} |")
    return _HEAD + "\n".join(lines) + "\n" + _REST


def _refusal(limit: Limit) -> str:
    return f"{limit.problem.status} `{limit.problem.code}`"
