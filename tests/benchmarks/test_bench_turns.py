"""Cases that are compared take turns, and each is measured as if it were alone."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.bench import OURS, App, Bench, Setting, StubProcess
from benchmarks.cases import CPU, P50, P99, REQUESTS, RSS, Load
from benchmarks.load import BenchError, LoadResult
from benchmarks.measures import all_measures
from benchmarks.processes import Cores, Running, free_port
from benchmarks.turns import Turns, take_turns

_ANSWERED, _ON_THEIR_WAY = 4, 2


class Play:
    """Cases that write down their turns."""

    def __init__(self) -> None:
        self.turns: list[str] = []
        self.shown: list[str] = []
        self.ended: list[str] = []

    def case(self, name: str, turns: int, *, fails: bool = False) -> Turns:
        try:
            for turn in range(1, turns + 1):
                self.turns.append(name)
                if turn < turns:
                    yield
            if fails:
                raise BenchError(f"{name} has failed")
        finally:
            self.ended.append(name)
        return {"turns": float(turns)}


@pytest.fixture
def play() -> Play:
    return Play()


def test_cases_take_turns_forwards_and_backwards(play: Play) -> None:
    cases = {name: play.case(name, 3) for name in "abc"}

    samples = take_turns(cases, play.shown.append)

    assert "".join(play.turns) == "abccbaabc"
    assert play.shown == play.turns
    assert samples == {name: {"turns": 3.0} for name in cases}


def test_a_case_that_has_ended_leaves_the_turns_to_the_others(play: Play) -> None:
    take_turns({"a": play.case("a", 1), "b": play.case("b", 3)}, play.shown.append)

    assert "".join(play.turns) == "abbb"
    assert play.ended == ["a", "b"]


def test_a_case_that_fails_loses_only_its_own_figures(play: Play) -> None:
    cases = {"a": play.case("a", 2, fails=True), "b": play.case("b", 3)}

    samples = take_turns(cases, play.shown.append)

    assert (str(samples["a"]), samples["b"]) == ("a has failed", {"turns": 3.0})
    assert isinstance(samples["a"], BenchError)


def test_an_interruption_ends_every_case_that_has_begun(play: Play) -> None:
    def interrupt(name: str) -> None:
        if len(play.turns) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_turns({name: play.case(name, 3) for name in "ab"}, interrupt)

    assert play.ended == ["a", "b"]


def test_the_cases_of_a_goal_take_turns() -> None:
    for measure in all_measures():
        groups = [{case.name for case in group} for group in measure.groups]
        for goal in measure.goals:
            compared = {goal.case, goal.over or goal.case}
            assert any(compared <= group for group in groups), goal.text


def test_no_two_processes_get_the_same_port() -> None:
    ports = [free_port() for _ in range(2000)]

    assert len(set(ports)) == len(ports)


class Host(Running):
    """An app that takes 10 ms of CPU for each request, and remembers each in 1 MiB."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.is_idle = True

    def wait_until_open(self) -> None:
        pass

    def wait_until_idle(self) -> None:
        self.is_idle = True

    def ask(self, request: bytes) -> tuple[int, bytes]:
        self.asked.append(request)
        return 200, b""

    def cpu_seconds(self) -> float:
        assert self.is_idle, "it still answers"
        return len(self.asked) / 100

    def rss_mib(self) -> float:
        return float(len(self.asked))


class Rehearsal(Bench):
    """Sends six requests each second, of which four are answered before its end, but none in the
    first `silent` seconds."""

    def __init__(self, folder: Path, silent: int = 0) -> None:
        super().__init__(folder, Cores((), (), (), ""), seconds=3, warm_up=1, show=print)
        self.app = Host()
        self.silent = silent

    @contextmanager
    def starting(self, app: App, setting: Setting) -> Iterator[tuple[Running, StubProcess]]:
        yield self.app, StubProcess(Host(), 0)

    def send(self, host: Running, requests: Iterable[bytes], connections: int) -> LoadResult:
        self.silent -= 1
        answered = 0 if self.silent >= 0 else _ANSWERED
        sent = _ANSWERED + _ON_THEIR_WAY
        self.app.is_idle = False
        self.app.asked += islice(requests, sent)
        return LoadResult(answered, sent, 1.0, 2.0, 3.0, 0, 0)


def load_of(number: int, *, once: bool) -> Load:
    requests = [b"request %d" % n for n in range(number)]
    return Load(name="load", app=OURS, requests=lambda _: requests, connections=2, once=once)


def test_a_load_that_goes_on_after_the_turns_of_others_repeats_no_request(tmp_path: Path) -> None:
    bench = Rehearsal(tmp_path)

    take_turns({"load": load_of(100, once=True).turns(bench)}, print)

    # The first one alone, and six in each of four seconds.
    assert bench.app.asked == [b"request %d" % n for n in range(25)]


def test_a_load_does_not_count_what_it_had_to_repeat(tmp_path: Path) -> None:
    samples = take_turns({"load": load_of(24, once=True).turns(Rehearsal(tmp_path))}, print)

    assert "answers more than 24 requests in 4 s" in str(samples["load"])


def test_a_whole_load_goes_on_until_each_request_was_sent(tmp_path: Path) -> None:
    bench = Rehearsal(tmp_path)

    take_turns({"load": replace(load_of(40, once=False), whole=True).turns(bench)}, print)

    assert len(set(bench.app.asked)) == 40
    assert len(bench.app.asked) == 1 + 7 * 6


def test_figures_are_those_of_all_seconds_but_the_first(tmp_path: Path) -> None:
    bench = Rehearsal(tmp_path)

    samples = take_turns({"load": load_of(1, once=False).turns(bench)}, print)

    # The CPU is that of all requests, also of those that were answered after the end of a second.
    expected = {REQUESTS: 5.0, P50: 2.0, P99: 3.0, CPU: 10_000.0, RSS: 25.0}
    assert samples["load"] == pytest.approx(expected)


def test_where_nothing_is_answered_in_time_a_load_goes_on(tmp_path: Path) -> None:
    bench = Rehearsal(tmp_path, silent=4)

    samples = take_turns({"load": load_of(1, once=False).turns(bench)}, print)

    assert isinstance(samples["load"], dict)
    assert samples["load"][REQUESTS] == (4 + 24) / 2 / 4


def test_where_nothing_is_ever_answered_a_load_fails(tmp_path: Path) -> None:
    bench = Rehearsal(tmp_path, silent=1000)

    samples = take_turns({"load": load_of(1, once=False).turns(bench)}, print)

    assert "no request was answered" in str(samples["load"])
