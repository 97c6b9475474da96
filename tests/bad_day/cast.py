"""Who takes part in a journey, and what they can look at."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp

from tests.bad_day.patience import Hosts, PatientPerson
from tests.support.control import Control
from tests.support.people import Person
from tests.support.stack import Stack


@dataclass
class Cast:
    """Everybody and everything of one bad day.

    Attributes:
        acs, graph: to look at, past all faults.
        chance: from which all follows that is not said.
        address: where ACS and Event Grid reach the hosts.
        meetings: the ids of all that were scheduled.
    """

    stack: Stack
    client: aiohttp.ClientSession
    hosts: Hosts
    acs: Control
    graph: Control
    chance: random.Random
    address: str
    meetings: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def people(self, *names: str) -> list[PatientPerson]:
        """People whom nobody has seen before."""
        number, host = next(self._numbers), self.hosts.any()
        return [
            PatientPerson.of(
                Person(self.client, host, self.stack.issuer, f"{name} {number} on a bad day", name),
                self.hosts,
            )
            for name in names
        ]

    def unique(self, word: str) -> str:
        return f"{word}-{next(self._numbers)}"
