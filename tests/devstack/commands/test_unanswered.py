"""What `dev.py call` says where nobody answers, or where there is no such bot."""

import json

import pytest

from devstack.commands.unanswered import REASONS, no_such_bot, why_unanswered
from shared.bot_calls.event_grid import IncomingCallResult


def test_each_result_of_the_app_has_its_reason() -> None:
    not_refused = {IncomingCallResult.ANSWERED, IncomingCallResult.FILED}

    assert set(REASONS) == {
        result.value for result in IncomingCallResult if result not in not_refused
    }


def test_a_phone_that_calls_a_bot_learns_what_it_can_call() -> None:
    answer = json.dumps({"results": ["stranger"]})

    said = why_unanswered({"answer": answer, "attempts": [200]})

    assert said.endswith("dev.py call +14255550177 (stranger)")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('{"code": "misconfigured"}', '{"code": "misconfigured"}'),
        ('{"results": ["new"]}', '{"results": ["new"]}'),
        ("[]", "[]"),
        ("no JSON", "no JSON"),
        (None, "500, 500"),
    ],
)
def test_an_answer_without_a_result_is_shown_as_it_is(answer: str | None, said: str) -> None:
    told = why_unanswered({"answer": answer, "attempts": [500, 500]})

    assert told == f"the app was told of it, and said {said}"


@pytest.mark.parametrize(
    ("bot", "advice"),
    [
        ("helpdesc", "Did you mean helpdesk? With --register it is registered first"),
        ("reception", "there is no bot reception. With --register it is registered first"),
        ("14255550177", "A phone number begins with a plus: +14255550177"),
    ],
)
def test_a_bot_that_is_not_there_is_answered_with_what_was_meant(bot: str, advice: str) -> None:
    assert no_such_bot(bot, {"helpdesk"}).endswith(advice)
