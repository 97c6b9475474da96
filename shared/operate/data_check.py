"""Looks through all tables for rows that break a rule, and repairs them.

The service may be running, and changes rows meanwhile. So a row is a finding only if it is wrong
twice, two minutes apart, has not been written in between, and no intent is about it: a row with an
intent is left to Tidy.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import batched

from shared.checking import UNREADABLE, NotSafe, Rule, no_subjects
from shared.keys import key
from shared.problems import Conflict, Problem, Throttled
from shared.tables import ALL, INTENTS, Row, RowChanged, Table
from shared.unavailable import Refused, TableMissing, Unavailable
from shared.upstream.concurrency import for_each

logger = logging.getLogger(__name__)

# Between the two looks. After a minute a request has ended or has died (`shared.intents`).
PAUSE_SECONDS = 120.0
# Suspects that are kept in memory, each with its keys and etag (under 1 KB); if there are more,
# they are looked at again before the tables are read on.
MOST_SUSPECTS = 10_000
# Rows whose second look lies between two readings of the intents.
_LOOKED_AT_TOGETHER = 1000
# How often a request is tried while storage or ACS fails, with a pause before each next try.
_TRIES, _LONGEST_REST = 6, 60.0
_NOT_CHECKED = "A row that it leads to cannot be read: see the finding about that row."
# All rows: no row has an empty RowKey.
_ANY_ROW, _NONE = "RowKey gt @none", {"none": ""}


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row, as it was read, and the rule that it broke."""

    rule: Rule
    partition_key: str
    row_key: str
    etag: str


@dataclass
class KindReport:
    """What was found of one kind.

    Attributes:
        examples: of findings, by pseudonyms; Tidy's log calls the same subject by the same.
        repaired: findings that are as they must be after their repair, or were handed to Tidy.
        unsafe: findings whose repair could do harm.
        changed: findings that somebody else has changed before they were repaired.
        failed: findings whose repair has failed.
        unmended: findings whose repair was done, but that still break the rule.
    """

    rule: Rule
    found: int = 0
    examples: list[str] = field(default_factory=list)
    repaired: int = 0
    unsafe: int = 0
    changed: int = 0
    failed: int = 0
    unmended: int = 0


@dataclass
class Report:
    """
    Attributes:
        looked_at: rows, by table.
        kinds: in the order in which they were first found.
        left_to_tidy: rows that break a rule, but an intent is about them.
        in_motion: rows that were wrong and were written, or removed, before the second look.
    """

    looked_at: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, KindReport] = field(default_factory=dict)
    left_to_tidy: int = 0
    in_motion: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to do: nothing was found, or all of it is repaired."""
        return all(one.found == one.repaired for one in self.kinds.values())


type Tell = Callable[[str], None]
"""Takes what the check is doing, again and again."""


class DataCheck:
    """One check; use it once."""

    def __init__(
        self,
        table: Callable[[str], Table],
        rules: Iterable[Rule],
        *,
        examples: int = 5,
        repair: bool = False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tell: Tell = lambda _: None,
        most_suspects: int = MOST_SUSPECTS,
    ) -> None:
        """
        Args:
            table: gives the table of a name.
            examples: how many of each kind are named.
            repair: whether findings are repaired; else nothing is changed.
            sleep: waits so many seconds.
        """
        self._table = table
        self._rules = defaultdict[str, list[Rule]](list)
        for rule in rules:
            self._rules[rule.table].append(rule)
        self._examples = examples
        self._repair = repair
        self._sleep = sleep
        self._tell = tell
        self._most_suspects = most_suspects
        self._suspects: list[Suspect] = []
        self.report = Report()

    async def run(self) -> Report:
        """Look at every row.

        Raises:
            Problem: storage or ACS cannot be asked, even after some minutes.
        """
        for name in ALL:
            async for rows in self._pages(name):
                await for_each(rows, lambda row, name=name: self._look(name, row))  # type: ignore[misc]
                self.report.looked_at[name] += len(rows)
                self._tell(f"{name}, {self.report.looked_at[name]:,} rows")
                if len(self._suspects) >= self._most_suspects:
                    await self._look_again()
        if self._suspects:
            await self._look_again()
        return self.report

    async def _pages(self, name: str) -> AsyncIterator[list[Row]]:
        """All rows of a table. If storage fails, reading goes on after the last row."""
        since, last, fails = "", ("", ""), 0
        while True:
            try:
                async for rows in self._table(name).scan(_ANY_ROW, _NONE, since):
                    new = [row for row in rows if (row.partition_key, row.row_key) > last]
                    if rows:
                        since, last = (
                            rows[-1].partition_key,
                            (rows[-1].partition_key, rows[-1].row_key),
                        )
                    fails = 0
                    yield new
            except Problem as problem:
                fails += 1
                await self._rest(problem, fails)
            else:
                return

    async def _look(self, name: str, row: Row) -> None:
        self._suspects += [
            Suspect(rule, row.partition_key, row.row_key, row.etag)
            for rule in await self._broken(self._rules[name], row)
        ]

    async def _broken(self, rules: Sequence[Rule], row: Row) -> list[Rule]:
        """The rules that a row breaks. If it cannot be read, that one rule is enough."""
        broken = []
        for rule in rules:
            try:
                if await self._patiently(lambda rule=rule: rule.is_broken(row)):  # type: ignore[misc]
                    broken.append(rule)
            except UNREADABLE:
                broken.append(_unchecked(rule))
        return [one for one in broken if one.is_reading] or broken

    async def _look_again(self) -> None:
        suspects, self._suspects = self._suspects, []
        self._tell(f"looking again at {len(suspects):,} rows in {PAUSE_SECONDS:.0f} s")
        await self._sleep(PAUSE_SECONDS)
        for some in batched(suspects, _LOOKED_AT_TOGETHER, strict=False):
            repaired = [one for one in await self._confirmed(some) if await self._add(one)]
            await self._judge(repaired)
            self._tell(f"looking again, {sum(k.found for k in self.report.kinds.values()):,} found")

    async def _confirmed(self, suspects: Iterable[Suspect]) -> list[Suspect]:
        """Those that are still wrong. The intents are read before and after the rows, so that the
        intent of a request that was running is seen."""
        wrong: list[tuple[Suspect, Row]] = []

        async def look(suspect: Suspect) -> None:
            row = await self._unchanged(suspect)
            if row is None:
                self.report.in_motion += 1
            else:
                wrong.append((suspect, row))

        under_way = await self._subjects_of_intents()
        await for_each(suspects, look)
        under_way |= await self._subjects_of_intents()
        left = [one for one, row in wrong if under_way.isdisjoint(one.rule.subjects(row))]
        self.report.left_to_tidy += len(wrong) - len(left)
        return left

    async def _unchanged(self, suspect: Suspect) -> Row | None:
        """The row, if it is as it was, and is still wrong."""
        row = await self._wrong_still(suspect)
        return row if row is not None and row.etag == suspect.etag else None

    async def _wrong_still(self, suspect: Suspect) -> Row | None:
        """The row as it is now, if the rule is broken in it."""
        table = self._table(suspect.rule.table)
        row = await self._patiently(lambda: table.find(suspect.partition_key, suspect.row_key))
        if row is None:
            return None
        kinds = {rule.kind for rule in await self._broken(self._rules[suspect.rule.table], row)}
        return row if suspect.rule.kind in kinds else None

    async def _subjects_of_intents(self) -> set[str]:
        """All of them; there are few, because each is removed when its change or its call has
        ended."""
        return {
            str(row.values.get("subject", ""))
            async for rows in self._pages(INTENTS)
            for row in rows
        }

    async def _add(self, finding: Suspect) -> bool:
        """Report a finding, and repair it; whether its repair has to be judged now."""
        rule = finding.rule
        kind = self.report.kinds.setdefault(rule.kind, KindReport(rule))
        kind.found += 1
        if len(kind.examples) < self._examples:
            kind.examples.append(pseudonym(finding))
        if not self._repair or rule.repair is None:
            return False
        return await self._mend(finding, rule.repair, kind)

    async def _mend(
        self, finding: Suspect, repair: Callable[[Row], Awaitable[None]], kind: KindReport
    ) -> bool:
        """Repair a row that is as it was when it was found, and still wrong."""
        try:
            row = await self._unchanged(finding)
            if row is not None:
                await repair(row)
        except (RowChanged, Conflict):
            kind.changed += 1
        except NotSafe:
            kind.unsafe += 1
        except Problem as problem:
            kind.failed += 1
            logger.warning("a repair has failed: %s", problem.code)
        else:  # also without a repair: that of another row may have been this one's
            return True
        return False

    async def _judge(self, repaired: list[Suspect]) -> None:
        """Count the findings that are gone now, or left to Tidy. Reads all intents if some are
        neither."""
        wrong = list[tuple[Suspect, Row]]()
        for finding in repaired:
            row = await self._wrong_still(finding)
            if row is None:
                self.report.kinds[finding.rule.kind].repaired += 1
            else:
                wrong.append((finding, row))
        under_way = await self._subjects_of_intents() if wrong else set[str]()
        for finding, row in wrong:
            kind = self.report.kinds[finding.rule.kind]
            if not under_way.isdisjoint(finding.rule.subjects(row)):
                kind.repaired += 1
            elif row.etag == finding.etag:
                kind.unmended += 1
            else:
                kind.changed += 1

    async def _patiently[T](self, ask: Callable[[], Awaitable[T]]) -> T:
        """The answer, also if storage or ACS fails for a while."""
        fails = 0
        while True:
            try:
                return await ask()
            except Problem as problem:
                fails += 1
                await self._rest(problem, fails)

    async def _rest(self, problem: Problem, fails: int) -> None:
        """Raises the problem if it does not pass."""
        if fails >= _TRIES or not _may_pass(problem):
            raise problem
        wait = max(problem.retry_after or 0, 2.0**fails)
        self._tell(f"waiting: {problem.code}")
        await self._sleep(min(wait, _LONGEST_REST))


def pseudonym(finding: Suspect) -> str:
    """The name of a finding. Keys themselves may open a call, or name somebody in an audit log.

    A subject of Tidy's has the same name in Tidy's log.
    """
    is_record = finding.row_key in ("call", "principal")
    subject = finding.partition_key if is_record else finding.row_key
    return key("log", subject)[:12]


def _may_pass(problem: Problem) -> bool:
    """Whether it may end without the operator."""
    passing = isinstance(problem, (Throttled, Unavailable))
    return passing and not isinstance(problem, (Refused, TableMissing))


def _unchecked(rule: Rule) -> Rule:
    """The finding if a rule cannot be checked, because another row that it needs cannot be read."""

    async def is_broken(_row: Row) -> bool:
        return True

    return Rule(f"{rule.kind}-unchecked", rule.table, _NOT_CHECKED, is_broken, subjects=no_subjects)
