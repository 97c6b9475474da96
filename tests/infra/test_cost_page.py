"""The page has the costs of uses of the service, from the counts of tests and the prices in one
file."""

from datetime import date

from tests.infra.cost_page import BEGIN, END, MONTHLY, PAGE, SINGLE, page, prices
from tests.support.costs import cost_table


def test_the_page_has_the_prices_of_the_file_and_the_counts_of_the_tests() -> None:
    text = PAGE.read_text("utf-8")

    assert text.count(BEGIN) == text.count(END) == 1
    assert page() == text, "python -m tests.infra.cost_page writes it"


def test_a_price_says_when_and_where_it_was_seen_and_what_is_in_doubt() -> None:
    known = prices()

    looked_up = date.fromisoformat(known["lookedUp"])
    for name, one in known["prices"].items():
        assert date.fromisoformat(one["seen"]) <= looked_up, name
        assert min(one["price"], one["for"]) > 0, name
        assert all(one[part] for part in ("what", "unit", "source", "doubt")), name


def test_prices_stand_in_the_file_alone() -> None:
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)

    assert "$0" not in before + rest.partition(END)[2]


def test_what_a_token_a_buddy_list_and_a_minute_cost_is_counted() -> None:
    table = cost_table()
    [token, friends, placed, called] = SINGLE

    assert all(set(use.requests) <= table.keys() for use in (*SINGLE, *MONTHLY))
    assert (token.operations, token.executions) == (1, 1)
    assert (friends.operations, friends.executions) == (2, 1)
    assert placed.operations > 1 > placed.executions > 0
    assert (called.operations, called.participants) == (0, 2)
