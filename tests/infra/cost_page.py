"""The costs of uses of the service: the tables of docs/deploy.md, made from the counts of tests and
from docs/prices.json. `python -m tests.infra.cost_page` writes them anew."""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.costs import cost_of
from tests.support.stack import ROOT

PAGE = ROOT / "docs" / "deploy.md"
PRICES = ROOT / "docs" / "prices.json"
BEGIN = "<!-- python -m tests.infra.cost_page makes this from prices.json -->\n"
END = "<!-- until here -->\n"

# What infra/ gives an instance, and the least time of one that Azure counts.
_GIGABYTES = 2
_LEAST_SECONDS = 1
_MINUTES = 10
_MONTH_DAYS = 30
_PEOPLE, _TOKENS_A_DAY = 1000, 20
_TIDY_RUNS = _MONTH_DAYS * 24 * 60 // 5  # TIDY_SCHEDULE of infra/: every five minutes

_TOKEN = "GET /token, not cached"
_CALL = {
    "POST /calls to one person": 1,
    "POST /callEvents/{callId}, that a call is connected": 1,
    "POST /callEvents/{callId}, that people have come or gone": 1,
    "POST /callEvents/{callId}, that a call has ended": 1,
}


@dataclass(frozen=True)
class Use:
    """What somebody does.

    Attributes:
        requests: how often each row of the table of what requests cost.
        participants: minutes of people in calls.
        ready: seconds in which an instance waits.
    """

    name: str
    requests: Mapping[str, float]
    participants: float = 0
    ready: float = 0

    @property
    def operations(self) -> float:
        return sum(often * sum(cost_of(row).values()) for row, often in self.requests.items())

    @property
    def executions(self) -> float:
        return sum(self.requests.values())


SINGLE = [
    Use("a calling token that is not cached", {_TOKEN: 1}),
    Use("a look at the buddy list", {"GET /friends, a page of at most 1,000": 1}),
    Use(
        f"a minute of a call that the service places to one person, if it takes {_MINUTES}",
        {row: often / _MINUTES for row, often in _CALL.items()},
        participants=1,
    ),
    Use("a minute of a call of two people who call each other", {}, participants=2),
]
MONTHLY = [
    Use("an app that nobody uses: `Tidy`", {"Tidy, with nothing to do": _TIDY_RUNS}),
    Use(
        f"{_PEOPLE:,} people who each ask for {_TOKENS_A_DAY} tokens a day",
        {_TOKEN: _PEOPLE * _TOKENS_A_DAY * _MONTH_DAYS},
    ),
    Use("an instance that is always ready", {}, ready=_MONTH_DAYS * 24 * 3600),
]


def prices() -> dict[str, Any]:
    read: dict[str, Any] = json.loads(PRICES.read_text("utf-8"))
    return read


def tables() -> str:
    """What uses cost, and the prices that this follows from."""
    known = prices()
    each = {name: one["price"] / one["for"] for name, one in known["prices"].items()}
    counted = "operations of tables | executions"
    paid = "tables | Functions, at most | ACS"
    lines = [
        "",
        f"| use | {counted} | 1,000 of them: {paid} |",
        "|---|---|---|---|---|---|",
        *(_use(use, each, 1000) for use in SINGLE),
        "",
        f"| a month of {_MONTH_DAYS} days of | {counted} | {paid} |",
        "|---|---|---|---|---|---|",
        *(_use(use, each, 1) for use in MONTHLY),
        "",
        f"Looked up on {known['lookedUp']}, in {known['currency']}:",
        "",
        "| what | price | seen | where | in doubt |",
        "|---|---|---|---|---|",
        *map(_price, known["prices"].values()),
        "",
        f"Not found: {'; '.join(known['notFound'])}.",
        "",
    ]
    return "\n".join(lines)


def _use(use: Use, each: Mapping[str, float], number: int) -> str:
    """The row of a use, and what it costs so many times."""
    busy = use.executions * _GIGABYTES * _LEAST_SECONDS * each["gigabyteSecond"]
    ready = use.ready * _GIGABYTES * each["readyGigabyteSecond"]
    dollars = (
        use.operations * each["tableOperation"],
        use.executions * each["execution"] + busy + ready,
        use.participants * each["participantMinute"],
    )
    paid = " | ".join(_dollars(number * amount) for amount in dollars)
    return f"| {use.name} | {use.operations:,.6g} | {use.executions:,.6g} | {paid} |"


def _price(one: Mapping[str, Any]) -> str:
    number = f"{one['price']:.6f}".rstrip("0").rstrip(".")
    price = f"{number} for {'each' if one['for'] == 1 else format(one['for'], ',')} {one['unit']}"
    return f"| {one['what']} | {price} | {one['seen']} | {one['source']} | {one['doubt']} |"


def _dollars(amount: float) -> str:
    if amount == 0:
        return ""
    return f"${amount:,.2f}" if amount >= 0.01 else "under $0.01"


def page() -> str:
    """The page with the tables as they have to be."""
    text = PAGE.read_text("utf-8")
    inside = re.compile(f"(?<={re.escape(BEGIN)}).*?(?={re.escape(END)})", re.DOTALL)
    return inside.sub(lambda _: tables(), text)


def main() -> int:
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
