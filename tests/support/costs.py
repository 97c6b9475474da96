"""What requests cost: the table in docs/contributing/costs.md, against which tests count."""

import re
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field

from devstack.acs_emulator.wire.limits import DOCUMENTED
from tests.support.api import Reply
from tests.support.control import Control
from tests.support.pages import page
from tests.support.table_proxy import TableProxy

_PART = re.compile(r"^(.+?) ([0-9N][0-9N +]*)$")
# What ACS is asked for the request itself. Late events of other tests' calls have hosts look at
# these calls and end them.
_OF_CALLS = (
    *("createCall", "connectCall", "answerCall", "addParticipant", "removeParticipant"),
    *("play", "recognize"),
    *("startRecording", "pauseRecording", "resumeRecording", "stopRecording"),
)


@dataclass(frozen=True)
class Cost:
    """How many requests of each operation.

    Attributes:
        stored: of the tables, by the names of `table_proxy`.
        asked: of ACS and Graph, by the names of the emulators.
    """

    stored: dict[str, int]
    asked: dict[str, int] = field(default_factory=dict)


def cost_table(number: int = 0) -> dict[str, Cost]:
    """The table for so many friends or invited people, by what is requested."""
    rows = re.findall(
        r"^\| (.+?) \| (.*?) \| (.*?) \|$", page("contributing/costs.md"), re.MULTILINE
    )
    return {
        name: Cost(_counts(stored, number), _counts(asked, number))
        for name, stored, asked in rows
        if name not in ("request", "---")
    }


def cost_of(request: str, number: int = 0) -> dict[str, int]:
    """What one request asks of the tables, by that table."""
    return cost_table(number)[request].stored


def _counts(text: str, number: int) -> dict[str, int]:
    """Such as "get 2 + N, query 1"; an operation that is not asked is left out."""
    counts = {}
    for part in filter(None, text.split(", ")):
        [(operation, terms)] = _PART.findall(part)
        counts[operation] = sum(number if term == "N" else int(term) for term in terms.split(" + "))
    return {operation: count for operation, count in counts.items() if count}


class Counting:
    """Counts what single requests ask."""

    def __init__(self, tables: TableProxy, acs: Control, graph: Control) -> None:
        self._tables = tables
        self._acs = acs
        self._graph = graph
        self.costs: dict[str, Cost] = {}

    async def of(self, name: str, request: Awaitable[Reply], status: int) -> Reply:
        """The answer to a request, whose cost is noted under this name."""
        reply = await self.of_event(name, request)
        assert reply.status == status, (name, reply)
        return reply

    async def of_event[T](self, name: str, event: Awaitable[T]) -> T:
        """The same for what has the host work without a request of a person."""
        asked = await self._asked()
        self._tables.requests.clear()
        result = await event
        stored = dict(self._tables.requests)
        self.costs[name] = Cost(stored, dict(await self._asked() - asked))
        return result

    async def _asked(self) -> Counter[str]:
        acs = (await self._acs.state())["requests"]
        graph = (await self._graph.state())["requests"]
        return Counter({name: acs[name] for name in (*DOCUMENTED, *_OF_CALLS)}) + Counter(
            {f"Graph {name}": count for name, count in graph.items()}
        )
