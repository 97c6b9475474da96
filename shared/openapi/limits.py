"""The limits of an operation, and the page that has all of them."""

from collections.abc import Iterable
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
There are limits on what one caller can store here and ask for. This page is made from the code, and
so are the `x-limits` of each operation in [openapi.json](openapi.json); `python3 dev.py openapi`
writes both.

*A caller* is a person, an app or a bot of one realm (all people of one identity provider). Stored
things are counted over all hosts. A limit marked *each host* is counted in the memory of each
instance of the app, for one minute: n instances allow n times as many, and counting costs no write.
A request that was refused with 429 may be sent again: after `Retry-After` seconds if the answer has
it, else once something has ended.

"""
_REST = f"""
## How some limits are counted, and what has none

* **Calls that a caller places**: `MAX_LEGS_PER_MINUTE` allows so many new ones a minute, and each
  is kept for `CALL_RETENTION_DAYS` days. Their keys, events and files are removed with them.
  Meetings are shared calls.
* **Calls to bots at the same time**: one caller may have `MAX_CALLS_PER_CALLER`, and all callers of
  one Teams resource account (a Teams account with a phone number, for which a bot answers) together
  `MAX_CALLS_PER_ACCOUNT`, {CALLS_TO_ACCOUNT} by default. One more is not answered (`busy`). Its
  record is kept for some minutes, until `Tidy` removes it: at most {TURNED_AWAY_KEPT} a minute for
  each bot, on each host. A bot's own part of a call takes at most {BOT_MINUTES} minutes.
* **Calls to bots, one after the other**, are not counted. Each call that was answered, or that
  ended while it rang, is kept for `CALL_RETENTION_DAYS` days: set fewer days if too many come.
* **`friends`** is counted before somebody is asked, accepted or blocked. If one person sends
  several requests at the same time, each may find the last place free. So the limit may be exceeded
  by as many; `decisions` limits these. To end or decline something is never refused; it counts for
  50 minutes.
* **Friendships and requests that have ended** are removed an hour later, unless the other person
  still says yes or blocks; how many do is limited by their own limits. Shared calls that are over
  are removed a day later, and sooner if their owner needs the room.
* **Lists**: a list of friends or calls has pages. A list of invitations has the 1,000 that begin
  first, of at most 10,000 that are open.
* **Friend requests that a person gets** are limited by how many each of the others may send.
* **Bots and agents** are counted for the whole realm. A registration that failed counts until it is
  repeated, or until `Tidy` takes back its place, minutes later.
* **Requests of any kind**: only the platform limits their number (API Management, Front Door, the
  maximum of instances). Each costs some milliseconds at most before it is refused.
"""


def limits_of(one: DescribedOperation) -> list[Limit]:
    """All limits of an operation: those of every request, and those that it declares."""
    operation = one.operation
    found = [] if isinstance(operation, CallbackOperation) else [PARAMETERS]
    if isinstance(operation, Operation):
        found.append(BEARER_TOKEN)
        if one.method in _WITH_BODY:
            found += [BODY._replace(number=operation.body.max_bytes), BODY_VALUES]
    if isinstance(operation, CallbackOperation):
        found.append(BODY._replace(number=MAX_CALLBACK_BYTES))
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
