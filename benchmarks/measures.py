"""The measures: which cases each has, and which goals."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from benchmarks import prepared, rows
from benchmarks.bench import MOST_PEOPLE, OURS, REFERENCE, App, Bench, Setting
from benchmarks.cases import (
    ANSWERED,
    CPU,
    P50,
    REQUESTS,
    RSS,
    START,
    STORAGE,
    Case,
    Count,
    Crowd,
    Load,
    OneByOne,
    Start,
)
from benchmarks.goals import Goal
from benchmarks.names import MEASURES

_CONNECTIONS = (1, 16, 64)
_MOST_IN_QUICK = 16
_FAR = 0.02  # seconds
_GROWN = 100_000
_ASKED_OF = 1000
_REMEMBERED = 2000  # about as many people as when the goal of memory was set
_TOGETHER = 12
# How many times as long loads take whose goal is near what is measured.
_TIMES_IF_CLOSE, _TIMES_IF_CLOSEST = 3, 6
_USUAL = Setting()
# People who are known: each asks once.
_EVERYBODY = rows.identities(MOST_PEOPLE)
_FEW, _MANY = rows.identities(_ASKED_OF), rows.identities(_GROWN)
_MOST_SHARINGS = rows.SHARERS * 100  # of each owner, as many as one person may share


@dataclass(frozen=True)
class Measure:
    """
    Attributes:
        shown: the quantity that the plot shows.
        groups: cases that are compared, and so take turns.
    """

    name: str
    shown: str
    groups: tuple[tuple[Case, ...], ...]
    goals: tuple[Goal, ...] = ()

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(chain(*self.groups))

    @property
    def title(self) -> str:
        return MEASURES[self.name]

    def reduced(self) -> "Measure":
        """The measure without the loads that take many connections, for a quick run: a second is
        too short for them."""
        kept = tuple(
            tuple(replace(case, times=1) if isinstance(case, Load) else case for case in group)
            for group in self.groups
            if not any(
                isinstance(case, Load) and case.connections > _MOST_IN_QUICK for case in group
            )
        )
        names = {None, *(case.name for case in chain(*kept))}
        goals = (goal for goal in self.goals if {goal.case, goal.over} <= names)
        return replace(self, groups=kept, goals=tuple(goals))


def all_measures() -> list[Measure]:
    return [
        _token(),
        _logging(),
        _latency(),
        _tls(),
        _friend(),
        _friends(),
        _share(),
        _invitations(),
        _events(),
        _start(),
        _memory(),
        _growth(),
    ]


def _token() -> Measure:
    groups: list[tuple[Case, ...]] = []
    goals: list[Goal] = []
    for number in _CONNECTIONS:
        loads = _known(REFERENCE, number), _known(OURS, number), _cached(number)
        times = _TIMES_IF_CLOSEST if number == 1 else _TIMES_IF_CLOSE
        reference, known, cached = (_longer(load, times) for load in loads)
        groups.append((reference, known, cached, _first(number)))
        if number == 1:
            goals.append(_at_most(known, P50, 1.13, reference))
            continue
        goals += [
            _at_least(known, REQUESTS, 0.80, reference),
            _at_least(cached, REQUESTS, 1.6, reference),
            _at_most(known, CPU, 1.25, reference),
            _at_most(cached, CPU, 0.61, reference),
        ]
    return Measure("token", REQUESTS, tuple(groups), tuple(goals))


def _logging() -> Measure:
    logged = Setting(log_level="INFO")
    groups: list[tuple[Case, ...]] = []
    goals: list[Goal] = []
    for number in _CONNECTIONS[1:]:
        loads = (
            _known(REFERENCE, number, logged, " at INFO"),
            _known(OURS, number, logged, " at INFO"),
            _cached(number, logged, " at INFO"),
        )
        reference, known, cached = group = tuple(map(_longer, loads))
        goals += [
            _at_least(known, REQUESTS, 0.75, reference),
            _at_least(cached, REQUESTS, 1.45, reference),
        ]
        if number == _CONNECTIONS[1]:
            quiet = _longer(_known(OURS, number))
            goals.append(_at_least(known, REQUESTS, 0.95, quiet))
            group += (quiet,)
        groups.append(group)
    return Measure("logging", REQUESTS, tuple(groups), tuple(goals))


def _latency() -> Measure:
    far = Setting(latency=_FAR)
    pairs = [(_known(REFERENCE, n, far), _known(OURS, n, far)) for n in (1, 64)]
    goal = _at_most(pairs[0][1], P50, 1.05, pairs[0][0])
    return Measure("latency", P50, tuple(pairs), (goal,))


def _tls() -> Measure:
    secure = Setting(tls=True)
    pair = _known(REFERENCE, 16, secure), _known(OURS, 16, secure)
    return Measure("tls", REQUESTS, (pair,))


def _friend() -> Measure:
    stored = Setting(rows=rows.pairs)
    raw = Load(
        name="one raw row, c16",
        app=REFERENCE,
        requests=lambda _: prepared.raw_rows(),
        connections=16,
        setting=stored,
    )
    ours = Load(
        name="resolve a friend, c16",
        app=OURS,
        requests=lambda bench: prepared.resolved_friends(bench.with_people(rows.PAIRS)),
        connections=16,
        setting=stored,
    )
    return Measure("friend", REQUESTS, ((raw, ours),), (_at_least(ours, REQUESTS, 0.7, raw),))


def _friends() -> Measure:
    pairs = []
    for user, number in enumerate(rows.FRIENDS_OF):
        raw = _one_at_a_time(
            f"raw query of {number:,}", REFERENCE, partial(_raw_list, user), rows.buddy_lists
        )
        ours = _one_at_a_time(
            f"buddy list of {number:,}", OURS, partial(_list, user), rows.buddy_lists
        )
        pairs.append((raw, ours))
    return Measure("friends", P50, tuple(pairs), (_at_most(ours, P50, 1.5, raw),))


def _share() -> Measure:
    pairs = []
    for number in (1, 10, 100, rows.MOST_INVITED):
        raw = OneByOne(
            name=f"{number} raw inserts",
            app=REFERENCE,
            requests=partial(_raw_inserts, number),
            setting=_USUAL,
        )
        ours = OneByOne(
            name=f"share with {number}",
            app=OURS,
            requests=partial(_sharings, number),
            setting=Setting(rows=rows.sharers),
        )
        pairs.append((raw, ours))
    first = Count(name="share with 350, counted")
    again = Count(name="share with 350 again, counted", again=True)
    crowd = Crowd(name="twelve share with 350 at once", owners=_TOGETHER)
    goals = (
        _at_most(ours, P50, 1.5, raw),
        _at_most(first, STORAGE, 361),
        _at_most(again, STORAGE, 360),
        _at_least(crowd, ANSWERED, _TOGETHER),
    )
    return Measure("share", P50, (*pairs, (first,), (again,), (crowd,)), goals)


def _invitations() -> Measure:
    lists = [
        _one_at_a_time(f"list {number:,}", OURS, partial(_listing, place), rows.invitees)
        for place, number in enumerate(rows.INVITATIONS_OF)
    ]
    return Measure("invitations", P50, tuple((case,) for case in lists))


def _events() -> Measure:
    case = Load(
        name="events, c16",
        app=OURS,
        requests=lambda bench: prepared.events(bench.people, bench.most_requests),
        connections=16,
        setting=Setting(rows=rows.calls),
        once=True,
    )
    return Measure("events", REQUESTS, ((case,),))


def _start() -> Measure:
    reference, ours = Start(name="reference", app=REFERENCE), Start(name="ours", app=OURS)
    return Measure("start", START, ((reference, ours),), (_at_most(ours, START, 1.4, reference),))


def _memory() -> Measure:
    reference, known = (
        replace(_known(app, 16), requests=_remembered, once=False, whole=True)
        for app in (REFERENCE, OURS)
    )
    ours = replace(known, name=f"{_REMEMBERED:,} people, c16")
    return Measure("memory", RSS, ((reference, ours),), (_at_most(ours, RSS, 70),))


def _growth() -> Measure:
    few, many = (
        Load(
            name=f"token of {number:,}, c1",
            app=OURS,
            requests=_fresh,
            connections=1,
            setting=Setting(rows=stored),
            once=True,
            times=_TIMES_IF_CLOSEST,
        )
        for number, stored in ((_ASKED_OF, _FEW), (_GROWN, _MANY))
    )
    return Measure("growth", P50, ((few, many),), (_at_most(many, P50, 1.05, few),))


def _known(app: App, connections: int, setting: Setting = _USUAL, how: str = "") -> Load:
    whose = "reference" if app is REFERENCE else "known"
    return Load(
        name=f"{whose}{how}, c{connections}",
        app=app,
        requests=_one_for_each,
        connections=connections,
        setting=replace(setting, rows=_EVERYBODY),
        once=True,
    )


def _longer(load: Load, times: int = _TIMES_IF_CLOSE) -> Load:
    return replace(load, times=times)


def _cached(connections: int, setting: Setting = _USUAL, how: str = "") -> Load:
    return Load(
        name=f"cached{how}, c{connections}",
        app=OURS,
        requests=lambda bench: prepared.tokens(bench.with_people(1), 1),
        connections=connections,
        setting=replace(setting, rows=_FEW),
    )


def _first(connections: int) -> Load:
    return Load(
        name=f"first, c{connections}",
        app=OURS,
        requests=_one_for_each,
        connections=connections,
        once=True,
    )


def _one_at_a_time(
    name: str, app: App, requests: Callable[[Bench], Iterable[bytes]], stored: rows.Rows
) -> Load:
    return Load(name=name, app=app, requests=requests, connections=1, setting=Setting(rows=stored))


# How each load makes its requests.


def _one_for_each(bench: Bench) -> Iterable[bytes]:
    return prepared.tokens(bench.with_people(bench.most_requests), bench.most_requests)


def _remembered(bench: Bench) -> Iterable[bytes]:
    return prepared.tokens(bench.with_people(_REMEMBERED), _REMEMBERED)


def _fresh(bench: Bench) -> Iterable[bytes]:
    return prepared.fresh_tokens(bench.with_people(_ASKED_OF), _ASKED_OF, bench.most_requests)


def _raw_list(user: int, _bench: Bench) -> Iterable[bytes]:
    return prepared.raw_buddy_list(user)


def _list(user: int, bench: Bench) -> Iterable[bytes]:
    return prepared.buddy_list(bench.with_people(user + 1), user)


def _raw_inserts(number: int, _bench: Bench) -> Iterable[bytes]:
    return prepared.raw_inserts(number, _MOST_SHARINGS)


def _sharings(number: int, bench: Bench) -> Iterable[bytes]:
    return prepared.sharings(bench.with_people(rows.SHARERS), number, _MOST_SHARINGS)


def _listing(place: int, bench: Bench) -> Iterable[bytes]:
    users = rows.listers(place)
    return prepared.invitations(bench.with_people(users.stop), users)


def _at_least(case: Case, quantity: str, bound: float, over: Case | None = None) -> Goal:
    name = None if over is None else over.name
    return Goal(case=case.name, quantity=quantity, over=name, at_least=bound)


def _at_most(case: Case, quantity: str, bound: float, over: Case | None = None) -> Goal:
    name = None if over is None else over.name
    return Goal(case=case.name, quantity=quantity, over=name, at_most=bound)
