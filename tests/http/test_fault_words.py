"""What is wrong with a value is said in words and by an example, never by a regular expression."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel, ValidationError

from shared.calls.contract import CallBody, CallsQuery, InviteeBody, PlayBody, TonesBody
from shared.friends.contract import FriendsQuery
from shared.http.faults import faults_of
from shared.http.operations import Operation, PublicOperation
from shared.openapi.functions import operations
from shared.sharing.contract import GroupCallBody
from shared.teams_phone.contract import AgentBody, AgentsQuery

TONES = {"from": {"user": "a"}, "maxTones": 1}
CALL = {"groupId": "29228d3e-040e-4656-a70e-890ab4e173e5", "audience": {"friends": True}}
NO_PAGE = "is not the page of a nextLink"


def fault(model: type[BaseModel], values: Mapping[str, object]) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(values, strict=False)
    [one] = faults_of(caught.value, model, "body")
    return one.field, one.message


@pytest.mark.parametrize(
    ("model", "values", "field", "message"),
    [
        (
            CallBody,
            {"to": [{"phoneNumber": "0425555"}]},
            "to.0.phoneNumber",
            "is not a phone number such as +14255550123",
        ),
        (
            CallBody,
            {"to": [{"phoneNumber": "+14255550123"}], "callerId": "+14255550123\n"},
            "callerId",
            "is not a phone number such as +14255550123",
        ),
        (InviteeBody, {"agent": "ava"}, "agent", "is not an object id of Entra, which is a GUID"),
        (
            PlayBody,
            {"url": "https://a.example/b.wav", "to": "alice"},
            "to",
            "is not the id of a participant in an answer about the call",
        ),
        (
            TonesBody,
            {**TONES, "stopTones": "x"},
            "stopTones",
            "is not keys such as 12# (0 to 9, *, # and a to d)",
        ),
        (
            AgentBody,
            {"tenant": "x"},
            "tenant",
            "is not the id of a tenant of Entra, which is a GUID",
        ),
        (CallsQuery, {"page": "2"}, "page", NO_PAGE),
        (FriendsQuery, {"page": "2"}, "page", NO_PAGE),
        (AgentsQuery, {"page": "2"}, "page", NO_PAGE),
        (CallBody, {}, "", "has to have exactly one of to and groupId"),
    ],
)
def test_a_fault_has_words_and_an_example(
    model: type[BaseModel], values: Mapping[str, object], field: str, message: str
) -> None:
    assert fault(model, values) == (field, message)


def test_no_request_has_a_field_whose_fault_would_show_a_regular_expression() -> None:
    read: set[type[BaseModel]] = set()
    for one in operations():
        if isinstance(one.operation, Operation):
            read |= {one.operation.query, one.operation.body}
        elif isinstance(one.operation, PublicOperation):
            read.add(one.operation.query)

    assert len(read) > 10
    for model in read:
        model.model_rebuild()
        assert not re.search("'pattern': *'", str(model.__pydantic_core_schema__)), model


@pytest.mark.parametrize("ago", [timedelta(hours=25), timedelta(days=900)])
def test_a_time_that_is_over_is_refused_with_the_limit_of_its_field(ago: timedelta) -> None:
    moment = (datetime.now(UTC) - ago).isoformat()

    assert fault(GroupCallBody, {**CALL, "startsAt": moment}) == (
        "startsAt",
        "is over a day ago, the most that is allowed",
    )
    assert fault(GroupCallBody, {**CALL, "endsAt": moment}) == (
        "endsAt",
        "is over: it has to be in the future",
    )
