"""What `dev.py call` says of a call that nobody answers, and of a bot that is not there."""

import difflib
import json
from collections.abc import Collection, Mapping
from typing import Any

from devstack.well_known import TEAMS_ACCOUNT_NUMBER

# By the result that the app gives to Event Grid.
REASONS = {
    "ignored": "the event is not about a call that rings",
    "no-bot": "no bot of the app answers for whom was called (the settings BOT_GREETING and BOTS)",
    "standalone": "STANDALONE_CALLS is false, so only calls to Teams accounts are answered",
    "stranger": "the caller is not of the bot's realm, and only people of it can call a bot."
    f" A phone can call the number of a Teams resource account: dev.py call {TEAMS_ACCOUNT_NUMBER}",
    "late": "the call does not ring any more",
    "missed": "ACS did not let the app answer",
    "busy": "too many calls go on, of this caller (MAX_CALLS_PER_CALLER) or to the account"
    " (MAX_CALLS_PER_ACCOUNT)",
}
# The shortest number of a telephone with its country, without the plus.
_SHORTEST_NUMBER = 7


def why_unanswered(delivery: Mapping[str, Any]) -> str:
    """Why the app does not answer.

    Args:
        delivery: the emulator's, of the event about the call; `answer` is what the app answered.
    """
    answer = delivery["answer"] or ""
    try:
        [result] = json.loads(answer)["results"]
        return f"{REASONS[result]} ({result})"
    except (ValueError, LookupError, TypeError):
        said = answer or ", ".join(map(str, delivery["attempts"]))
        return f"the app was told of it, and said {said}"


def no_such_bot(bot_id: str, known: Collection[str]) -> str:
    """What to do instead of calling a bot that is not there.

    Args:
        known: bots that the stack has.
    """
    if is_bare_number(bot_id):
        return f"there is no bot {bot_id}. A phone number begins with a plus: +{bot_id}"
    meant = difflib.get_close_matches(bot_id, known, 1)
    question = f" Did you mean {meant[0]}?" if meant else ""
    return f"there is no bot {bot_id}.{question} With --register it is registered first"


def is_bare_number(text: str) -> bool:
    """Whether it looks like a phone number of which the plus was forgotten."""
    return text.isdecimal() and len(text) >= _SHORTEST_NUMBER
