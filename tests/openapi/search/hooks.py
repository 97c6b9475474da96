"""Tells schemathesis the facts about the service that no description can express.

It loads this module by the variable SCHEMATHESIS_HOOKS.
"""

import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData

from shared.identity.contract import TEAMS_USER_HEADER
from tests.openapi.search.callers import SETUP, headers_of
from tests.openapi.search.refusals import REFUSED_BY_AZURE, REFUSED_BY_STATE

# A pattern cannot say what is base64url of UTF-8; the format can, but not all cases are made by it.
_NO_ID = "is not an id of 1 to 256 characters"
# Stands for those that the answer has no room for.
_REST = re.compile(r"\d+ more faults")
# These operations pass over a malformed event, so that the other events of its delivery are
# handled.
_OF_OTHER_SERVICES = {"/callEvents/{callId}", "/incomingCalls"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]|%[01][0-9a-f]|%7f", re.IGNORECASE)
_LETTERS = "abcXYZ019 .-_äßøλжक한字🙂"


# Ids of people and bots in a path, and how they look there.
_IDS = {"friendId", "botId"}
_IN_PATH = re.compile(r"~[A-Za-z0-9_-]+={0,2}|[A-Za-z0-9._|@-]+")


def _coded(text: str) -> str:
    return "~" + base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


_texts = st.text(_LETTERS, min_size=1, max_size=40).map(str.strip).filter(bool)
schemathesis.openapi.format("visible-text", _texts)
schemathesis.openapi.format(
    "id-in-path",
    st.sampled_from(["bob", "carol", "reception"])
    | st.from_regex(r"[A-Za-z0-9_|@-]{1,20}", fullmatch=True)
    | _texts.map(_coded),
)
schemathesis.openapi.format(
    "teams-meeting-link",
    st.integers(1, 10**12).map("https://teams.microsoft.com/meet/{}?p=aB3".format)
    | st.integers(0, 99).map(
        "https://teams.microsoft.com/l/meetup-join/19%3ameeting_Z{}@thread.v2/0".format
    ),
)


@schemathesis.auth(refresh_interval=None)
class Callers:
    """The sender of a request."""

    def get(self, case: Case[Any], _context: Any) -> dict[str, str]:
        return headers_of(case)

    def set(self, case: Case[Any], data: dict[str, str], _context: Any) -> None:
        case.headers.update(data)


@schemathesis.hook
def before_call(_context: Any, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Make more of the well-formed requests acceptable: set values that depend on the clock, or on
    another part."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if TEAMS_USER_HEADER.name in case.headers:
        case.headers[TEAMS_USER_HEADER.name] = SETUP.teams_token
    _code_ids(case.path_parameters or {})
    body: Any = case.body
    for event in body if isinstance(body, list) else ():
        for name in {"time", "eventTime"} & event.keys():
            event[name] = datetime.now(UTC).isoformat()
    if isinstance(body, dict):
        if body.get("action") == "start":
            # Starting needs the key, and the other actions do not.
            case.headers.setdefault("Idempotency-Key", "search")
        begins = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
        for name, hours in (("startsAt", 0), ("endsAt", 1)):
            if isinstance(body.get(name), str):
                body[name] = (begins + timedelta(hours=hours)).isoformat()


def _code_ids(path_parameters: dict[str, Any]) -> None:
    """Write ids that the search has taken from answers as a client does, which has read how."""
    for name in _IDS & path_parameters.keys():
        if not _IN_PATH.fullmatch(str(path_parameters[name])):
            path_parameters[name] = _coded(str(path_parameters[name]))


@schemathesis.hook
def filter_failure(_context: Any, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Keep a failure unless a well-formed request is refused by state, settings or Azure, or
    another service's malformed event is passed over."""
    if isinstance(failure, AcceptedNegativeData) and case.path in _OF_OTHER_SERVICES:
        return False
    if response.status_code == 404 and _has_control_characters(case):
        return False  # the platform's answer, which is no problem+json
    if not isinstance(failure, RejectedPositiveData) or response.status_code != 400:
        return True
    problem = json.loads(response.content)
    faults = list(_faults(problem))
    is_by_state = bool(faults) and all(
        where == "policy" or message in REFUSED_BY_STATE or _REST.fullmatch(message)
        for where, message in faults
    )
    is_no_utf8 = any(str(value).startswith("~") for value in (case.path_parameters or {}).values())
    is_unsaid = is_no_utf8 and all(message.startswith(_NO_ID) for _, message in faults)
    return not (is_by_state or is_unsaid or problem["code"] in REFUSED_BY_AZURE)


def _has_control_characters(case: Case[Any]) -> bool:
    """The platform hands on no such path, and the description says that there is none."""
    return any(_CONTROL.search(str(value)) for value in (case.path_parameters or {}).values())


def _faults(problem: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for fault in problem.get("errors", ()):
        yield fault["in"], fault["message"]
