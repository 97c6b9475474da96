"""Realms in which the keys of the four people of a `World`, and of their calls, are in one order.

Rows are read, and written, in the order of their keys, which has to be the same in every world, or
Hypothesis could repeat nothing.
"""

import itertools
from collections.abc import Iterable, Iterator
from functools import cache

from shared.keys import principal_key
from shared.principals import Kind, Principal
from shared.sharing.rows import CallKind, call_key, space_key

WHO = ("ann", "ben", "cat", "dan")
SPACE = "lounge"
GROUP = "11111111-2222-4333-8444-555555555555"


def person(realm: str, name: str) -> Principal:
    return Principal(Kind.USER, realm, f"{name} of {realm}")


@cache
def first() -> str:
    """The realm of a world that shares its tables with no other. Only one name in 240 will do, so
    each search for another realm takes twenty milliseconds of CPU."""
    return next(_realms())


def another() -> str:
    """A realm that nobody else has in this run."""
    return next(_OTHERS)


def _realms() -> Iterator[str]:
    return (realm for n in itertools.count() if _in_order(realm := f"interleaved {n}"))


_OTHERS = _realms()


def _in_order(realm: str) -> bool:
    everybody = [person(realm, who) for who in WHO]
    keys = itertools.chain(map(principal_key, everybody), [space_key(realm, SPACE)])
    calls = (call_key(who, CallKind.GROUP_CALL, GROUP) for who in everybody[:2])
    return _ascend(keys) and _ascend(calls)


def _ascend(keys: Iterable[str]) -> bool:
    """Makes no more of the keys than it needs."""
    return all(one < other for one, other in itertools.pairwise(keys))
