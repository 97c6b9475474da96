"""The page "Calls and bots" lists the reasons and events that clients see."""

import re
from http import HTTPStatus

from shared.calls.events import EFFECTS, RECORDING_STATE
from shared.calls.reasons import BY_CODE, BY_SUB_CODE, Reason
from tests.support.stack import ROOT

PAGE = (ROOT / "docs" / "calls-and-bots.md").read_text("utf-8")
SECTION = PAGE.partition("## Reasons and events\n")[2].partition("\n## ")[0]
ROW = re.compile(r"^\| (\d+) \| (.+) \|$", re.MULTILINE)
BY_SUB, BY = (dict(ROW.findall(part)) for part in SECTION.split("| `code` | `message` |"))


def test_each_code_is_listed_with_the_words_that_a_client_gets() -> None:
    assert BY_SUB.keys() == {str(code) for code in BY_SUB_CODE}
    assert BY.keys() == {str(code) for code in BY_CODE}
    for sub_code, words in BY_SUB.items():
        assert Reason(HTTPStatus.BAD_REQUEST, int(sub_code)).words == words
    for code, words in BY.items():
        assert Reason(int(code), 0).words == words
    for code, row in ((599, "any other from 500 on, whatever the `subCode`"), (299, "any other")):
        assert f"| {row} | {Reason(code, 0).words} |" in SECTION
    assert Reason(599, max(BY_SUB_CODE)).words == Reason(599, 0).words


def test_each_event_that_changes_a_call_is_listed() -> None:
    listed = SECTION.partition("expect others too:")[2].partition("\n\n")[0]

    assert {*EFFECTS, RECORDING_STATE} < set(re.findall("`([A-Za-z]+)`", listed))
