"""What can be measured: a load, the start of a process, and how many requests a request costs."""

import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from benchmarks import prepared, rows
from benchmarks.bench import OURS, App, Bench, Setting
from benchmarks.load import BenchError, LoadResult
from benchmarks.processes import Running

REQUESTS, P50, P99 = "requests/s", "p50 ms", "p99 ms"
CPU, RSS, START = "CPU us/request", "RSS MiB", "start ms"
STORAGE, ANSWERED, SECONDS = "storage requests", "answered", "seconds"

# By quantity; quantities that the machine does not tell are left out.
type Sample = dict[str, float]

_STARTS = 5
_LEAST = 5
_PATIENCE = 10


class Case(Protocol):
    """One thing that is measured once in each round."""

    @property
    def name(self) -> str: ...

    def run(self, bench: Bench) -> Sample:
        """Raises BenchError."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """A load on an app that is started for it.

    Attributes:
        requests: makes the requests, which are sent one after the other.
        once: whether each request is sent only once, because a repetition costs less.
    """

    name: str
    app: App
    requests: Callable[[Bench], Iterable[bytes]]
    connections: int
    setting: Setting = field(default_factory=Setting)
    once: bool = False

    def run(self, bench: Bench) -> Sample:
        requests = list(self.requests(bench))
        file = bench.write(requests)
        with bench.started(self.app, self.setting) as (host, _):
            _ask(host, requests[0])
            sent = 1
            if bench.warm_up:
                sent += self._send(bench, host, file, bench.warm_up, sent).requests
            # On a busy machine, many requests may at first get no answer at all.
            for seconds in (bench.seconds, bench.seconds * _PATIENCE):
                # The app has also answered the requests that wrk gave up at the end of the load
                # before.
                sent += self.connections
                cpu_before = host.cpu_seconds()
                result = self._send(bench, host, file, seconds, sent)
                if result.requests:
                    break
            cpu, rss = host.cpu_seconds(), host.rss_mib()
            if result.refused or result.broken or not result.requests:
                raise host.failure(
                    f"did not answer all requests of '{self.name}': of {result.requests},"
                    f" {result.refused} were refused and {result.broken} broke"
                )
        if self.once and sent + result.requests > len(requests):
            raise BenchError(
                f"{self.name}: this machine answers more than {len(requests)} requests in"
                f" {bench.seconds + bench.warm_up} s, for which there are no more people"
            )
        sample = {REQUESTS: result.per_second, P50: result.p50, P99: result.p99}
        if cpu is not None and cpu_before is not None:
            sample[CPU] = (cpu - cpu_before) * 1e6 / result.requests
        if rss is not None:
            sample[RSS] = rss
        return sample

    def _send(
        self, bench: Bench, host: Running, file: Path, seconds: int, skipped: int
    ) -> LoadResult:
        return bench.send(
            host, file, connections=self.connections, seconds=seconds, skipped=skipped
        )


@dataclass(frozen=True, kw_only=True)
class OneByOne:
    """Requests that take long, one after the other: at least five, however long they take.

    Attributes:
        requests: makes the requests, the first of which is not measured.
    """

    name: str
    app: App
    requests: Callable[[Bench], Iterable[bytes]]
    setting: Setting

    def run(self, bench: Bench) -> Sample:
        requests = iter(self.requests(bench))
        times: list[float] = []
        with bench.started(self.app, self.setting) as (host, _):
            _ask(host, next(requests))
            deadline = time.monotonic() + bench.seconds
            for request in requests:
                if len(times) >= _LEAST and time.monotonic() > deadline:
                    break
                begin = time.perf_counter()
                _ask(host, request)
                times.append(time.perf_counter() - begin)
        return {P50: statistics.median(times) * 1000}


@dataclass(frozen=True, kw_only=True)
class Start:
    """The time from the start of a process to its first answer that is a token."""

    name: str
    app: App

    def run(self, bench: Bench) -> Sample:
        request = prepared.request("GET", "/token", bench.with_people(1).bearer(0))
        # The first start writes the bytecode of what has changed.
        times = [self._start(bench, request) for _ in range(_STARTS + 1)][1:]
        return {START: statistics.median(times) * 1000}

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

    def run(self, bench: Bench) -> Sample:
        request = prepared.sharing(bench.with_people(1), 0, rows.MOST_INVITED)
        setting = Setting(rows=rows.sharers)
        with bench.started(OURS, setting) as (host, stub):
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

    def run(self, bench: Bench) -> Sample:
        known = bench.with_people(self.owners)
        requests = [
            prepared.sharing(known, owner, rows.MOST_INVITED) for owner in range(self.owners)
        ]
        setting = Setting(rows=rows.sharers)
        with bench.started(OURS, setting) as (host, _):
            begin = time.perf_counter()
            with ThreadPoolExecutor(self.owners) as together:
                statuses = [status for status, _ in together.map(host.ask, requests)]
            seconds = time.perf_counter() - begin
        answered = sum(status < HTTPStatus.BAD_REQUEST for status in statuses)
        return {ANSWERED: float(answered), SECONDS: seconds}


_ONE_PERSON = rows.identities(1)


def _ask(host: Running, request: bytes) -> None:
    """Raises BenchError if the app does not do what it is asked."""
    status, body = host.ask(request)
    if status >= HTTPStatus.BAD_REQUEST:
        raise host.failure(f"answers {status}: {body.decode()[:300]}")
