"""What can be measured: a load, the start of a process, and how many requests a request costs."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import cycle, islice
from typing import Protocol

from benchmarks import prepared, rows
from benchmarks.bench import OURS, App, Bench, Setting
from benchmarks.load import BenchError, LoadResult, total
from benchmarks.processes import Running
from benchmarks.turns import Turns

REQUESTS, P50, P99 = "requests/s", "p50 ms", "p99 ms"
CPU, RSS, START = "CPU us/request", "RSS MiB", "start ms"
STORAGE, ANSWERED, SECONDS = "storage requests", "answered", "seconds"

_STARTS = 16  # in a round, since one start differs from the next by a quarter
_TURNS_A_SECOND = 4  # of requests that are sent one by one
_PATIENCE = 10  # times as many seconds as wanted, for the first answer of a busy machine


class Case(Protocol):
    """One thing that is measured once in each round."""

    @property
    def name(self) -> str: ...

    def turns(self, bench: Bench) -> Turns:
        """Measure it, one turn for each `next()`. Raises BenchError."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load on an app that is started for it. A turn is a second of it.

    Attributes:
        requests: makes the requests, which are sent one after the other.
        once: whether each request is sent only once, because a repetition costs less.
        whole: whether each request is sent, however many seconds that takes.
        times: how many times as long it takes as other loads.
    """

    name: str
    app: App
    requests: Callable[[Bench], Iterable[bytes]]
    connections: int
    setting: Setting = field(default_factory=Setting)
    once: bool = False
    whole: bool = False
    times: int = 1

    def turns(self, bench: Bench) -> Turns:
        bench = bench.lasting(self.times)
        with bench.starting(self.app, self.setting) as (host, stub):
            requests = list(self.requests(bench))
            yield
            stub.process.wait_until_open()
            host.wait_until_open()
            _ask(host, requests[0])
            sent = 1
            for _ in range(bench.warm_up):
                yield
                sent += self._send(bench, host, requests, sent).sent
            slices: list[LoadResult] = []
            cpu_before = host.cpu_seconds()
            while not self._is_enough(slices, bench.seconds) or (
                self.whole and sent < len(requests)
            ):
                yield
                slices.append(self._send(bench, host, requests, sent))
                sent += slices[-1].sent
            cpu, rss = host.cpu_seconds(), host.rss_mib()
        result = total(slices)
        sample = {REQUESTS: result.per_second, P50: result.p50, P99: result.p99}
        if cpu is not None and cpu_before is not None:
            sample[CPU] = (cpu - cpu_before) * 1e6 / result.sent
        if rss is not None:
            sample[RSS] = rss
        return sample

    def _send(
        self, bench: Bench, host: Running, requests: Sequence[bytes], skipped: int
    ) -> LoadResult:
        """One second of the load.

        Args:
            skipped: how many of the requests were sent before.
        """
        result = bench.send(host, islice(cycle(requests), skipped, None), self.connections)
        host.wait_until_idle()
        if result.refused or result.broken:
            raise host.failure(
                f"did not answer all requests of '{self.name}': of {result.requests},"
                f" {result.refused} were refused and {result.broken} broke"
            )
        if self.once and skipped + result.sent > len(requests):
            raise BenchError(
                f"{self.name}: this machine answers more than {len(requests)} requests in"
                f" {bench.seconds + bench.warm_up} s: choose fewer --seconds"
            )
        return result

    def _is_enough(self, slices: Sequence[LoadResult], seconds: int) -> bool:
        """Raises BenchError if too many have gone by without any answer."""
        if any(one.requests for one in slices):
            return len(slices) >= seconds
        # On a busy machine, many requests may at first get no answer within a second.
        if len(slices) > seconds * _PATIENCE:
            raise BenchError(f"{self.name}: no request was answered in {len(slices)} s")
        return False


@dataclass(frozen=True, kw_only=True)
class OneByOne:
    """Requests that take long, one after the other. A turn is a quarter of a second, or one request
    that takes longer.

    Attributes:
        requests: makes the requests, the first of which is not measured.
    """

    name: str
    app: App
    requests: Callable[[Bench], Iterable[bytes]]
    setting: Setting

    def turns(self, bench: Bench) -> Turns:
        with bench.starting(self.app, self.setting) as (host, stub):
            requests = iter(self.requests(bench))
            yield
            stub.process.wait_until_open()
            host.wait_until_open()
            _ask(host, next(requests))
            times: list[float] = []
            for _ in range(bench.seconds * _TURNS_A_SECOND):
                yield
                times += _turn(host, requests)
        return {P50: statistics.median(times) * 1000}


@dataclass(frozen=True, kw_only=True)
class Start:
    """The time from the start of a process to its first answer that is a token. A turn is a start.

    A sample is the geometric mean of the starts: so the ratio of two samples is that of the starts
    that followed each other, which met the same speed of the machine.
    """

    name: str
    app: App

    def turns(self, bench: Bench) -> Turns:
        request = prepared.request("GET", "/token", bench.with_people(1).bearer(0))
        # The first start writes the bytecode of what has changed.
        self._start(bench, request)
        times = []
        for _ in range(_STARTS):
            yield
            times.append(self._start(bench, request))
        return {START: statistics.geometric_mean(times) * 1000}

    def _start(self, bench: Bench, request: bytes) -> float:
        setting = Setting(rows=_ONE_PERSON)
        with bench.stub(setting) as stub:
            stub.process.wait_until_open()
            begin = time.perf_counter()
            with bench.host(self.app, setting, stub) as host:
                host.wait_until_open()
                _ask(host, request)
                return time.perf_counter() - begin


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many requests to storage it costs to share a call with 350 people, and to share it
    again."""

    name: str
    again: bool = False

    def turns(self, bench: Bench) -> Turns:
        request = prepared.sharing(bench.with_people(1), 0, rows.MOST_INVITED)
        setting = Setting(rows=rows.sharers)
        with bench.started(OURS, setting) as (host, stub):
            yield
            if self.again:
                _ask(host, request)
            before = stub.storage_requests()
            _ask(host, request)
            return {STORAGE: float(stub.storage_requests() - before)}


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Owners who each share a call with 350 people at the same time: how many get an answer, and
    when the last one gets it."""

    name: str
    owners: int

    def turns(self, bench: Bench) -> Turns:
        known = bench.with_people(self.owners)
        requests = [
            prepared.sharing(known, owner, rows.MOST_INVITED) for owner in range(self.owners)
        ]
        setting = Setting(rows=rows.sharers)
        with bench.started(OURS, setting) as (host, _):
            yield
            begin = time.perf_counter()
            with ThreadPoolExecutor(self.owners) as together:
                statuses = [status for status, _ in together.map(host.ask, requests)]
            seconds = time.perf_counter() - begin
        answered = sum(status < HTTPStatus.BAD_REQUEST for status in statuses)
        return {ANSWERED: float(answered), SECONDS: seconds}


_ONE_PERSON = rows.identities(1)


def _turn(host: Running, requests: Iterator[bytes]) -> Iterator[float]:
    """How many seconds each request of a turn takes; nothing after the last request."""
    end = time.perf_counter() + 1 / _TURNS_A_SECOND
    for request in requests:
        begin = time.perf_counter()
        _ask(host, request)
        yield time.perf_counter() - begin
        if time.perf_counter() > end:
            return


def _ask(host: Running, request: bytes) -> None:
    """Raises BenchError if the app does not do what it is asked."""
    status, body = host.ask(request)
    if status >= HTTPStatus.BAD_REQUEST:
        raise host.failure(f"answers {status}: {body.decode()[:300]}")
