"""The media type that an Accept header asks for: JSON, unless another has a higher weight (RFC
9110, 12.5.1)."""

import pytest

from shared.http.accept import prefers


def prefers_calendar(accept: str = "") -> bool:
    return prefers(accept, "text/calendar")


@pytest.mark.parametrize(
    "accept",
    [
        "text/calendar",
        "TEXT/Calendar; Charset=utf-8",
        "text/calendar;q=0.001",
        "application/xml, text/calendar;q=0.2",
        "text/*",  # which JSON is not
        "text/calendar, application/json;q=0.9",
        "application/json;q=0.9 , text/calendar ; q=1.000",
        "text/calendar, */*;q=0.1",
        "text/calendar;q=0.5, application/*;q=0.4",
        "application/json;q=0, */*",
        "text/calendar;q=0.2, application/json;q=0.1, */*",  # the more specific range counts
        ",, text/calendar",
    ],
)
def test_a_calendar_is_preferred_where_it_is_wanted_more_than_json(accept: str) -> None:
    assert prefers_calendar(accept=accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/*",
        "text/html",
        "text/html, */*;q=0.8",
        "text/calendar, application/json",
        "text/calendar, */*",
        "text/calendar;q=0.5, application/json",
        "text/calendar;q=0.5, application/*",
        "text/calendar;q=0.1, */*",
        "text/calendar;q=0, */*",
        "text/*, text/calendar;q=0",
        "text/calendar;q=0",
        "text/calendars",
        "calendar",
        "; q=1",
    ],
)
def test_json_is_the_answer_otherwise(accept: str) -> None:
    assert not prefers_calendar(accept=accept)


def test_a_client_that_sends_no_accept_gets_json() -> None:
    assert not prefers_calendar()


@pytest.mark.parametrize(
    "weight", ["1.9", "2", "1.001", "0.1234", "-1", ".5", "", "x", "nan", "1e0"]
)
def test_a_weight_that_is_not_valid_counts_as_no_weight(weight: str) -> None:
    assert prefers_calendar(accept=f"text/calendar;q={weight}")
    assert not prefers_calendar(accept=f"text/calendar;q={weight}, application/json")
    assert prefers_calendar(accept=f"text/calendar;q={weight}, application/json;q=0.999")
