"""Starts the stub and an app for each case, with the same settings each time."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks import people, prepared
from benchmarks.load import LoadResult, run_wrk
from benchmarks.people import People, Show
from benchmarks.processes import Cores, Running, free_port, python, running
from benchmarks.rows import MAPPING_ROW, Rows, no_rows, write_rows
from benchmarks.stub.server import COUNTS_PATH, KEYS_PATH, METADATA_PATH
from devstack.files import ROOT
from devstack.stack.certificates import certificates
from devstack.well_known import ACS_ACCESS_KEY

_ACCOUNT, _ACCOUNT_KEY = "bench", "YmVuY2htYXJrcyBvbmx5LCBvbiBsb29wYmFjaw=="
# Requests a second that one core does not reach. So many different ones are made for each second.
_FASTEST = 3000
MOST_PEOPLE = 40_000


@dataclass(frozen=True)
class App:
    """An app for the functions host."""

    name: str
    folder: Path


OURS = App("ours", ROOT)
REFERENCE = App("reference", ROOT / "benchmarks" / "reference")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The conditions under which an app runs.

    Attributes:
        latency: seconds that Azure takes for each answer.
        tls: whether Azure is asked over TLS.
        log_level: INFO is that of host.json.
    """

    rows: Rows = no_rows
    latency: float = 0.0
    tls: bool = False
    log_level: str = "WARNING"


@dataclass(frozen=True)
class StubProcess:
    """A stub that runs."""

    process: Running
    tls_port: int

    def storage_requests(self) -> int:
        """How many requests to storage have come."""
        _, body = self.process.ask(f"GET {COUNTS_PATH} HTTP/1.1\r\n\r\n".encode())
        counts: Mapping[str, int] = json.loads(body)
        return sum(number for kind, number in counts.items() if kind != "acs")


class Bench:
    """Starts what the cases need.

    Args:
        folder: for keys, rows, requests and logs.
        seconds, warm_up: how long a load takes, and one before it that is not measured; whole
            seconds.
        fastest: requests that no app answers in a second.
    """

    def __init__(
        self,
        folder: Path,
        cores: Cores,
        *,
        seconds: int,
        warm_up: int,
        show: Show,
        fastest: int = _FASTEST,
    ) -> None:
        self.people = People(folder / "people")
        self.seconds = seconds
        self.warm_up = warm_up
        self.cores = cores
        self.show = show
        self._folder = folder
        self._fastest = fastest
        self._certificates = certificates(folder)
        self._row_files: dict[Rows, Path] = {}

    @property
    def most_requests(self) -> int:
        """How many requests of one load can differ."""
        return min((self.seconds + self.warm_up) * self._fastest, MOST_PEOPLE)

    def lasting(self, times: int) -> "Bench":
        """A copy whose loads take `times` as long."""
        longer = copy(self)
        longer.seconds *= times
        return longer

    def with_people(self, number: int) -> People:
        """The people, with tokens for this many of them."""
        self.people.mint(number, self.show)
        return self.people

    @contextmanager
    def started(self, app: App, setting: Setting) -> Iterator[tuple[Running, StubProcess]]:
        """The app and its stub, both of which listen."""
        with self.starting(app, setting) as (host, stub):
            stub.process.wait_until_open()
            host.wait_until_open()
            yield host, stub

    @contextmanager
    def starting(self, app: App, setting: Setting) -> Iterator[tuple[Running, StubProcess]]:
        """The app and its stub; they may not listen yet."""
        with self.stub(setting) as stub, self.host(app, setting, stub) as host:
            yield host, stub

    @contextmanager
    def stub(self, setting: Setting) -> Iterator[StubProcess]:
        """A stub; it may not listen yet."""
        port, tls_port = free_port(), free_port()
        options = {
            "--port": port,
            "--tls-port": tls_port,
            "--certificate": self._certificates.server,
            "--latency": setting.latency,
            "--rows": self._file_of(setting.rows),
            "--key-set": self.people.key_set,
            "--issuer": people.ISSUER,
            "--resource-id": people.RESOURCE_ID,
        }
        command = [*self.cores.stub, *python("benchmarks.stub", options)]
        with running("stub", command, port, {}, self._folder) as process:
            yield StubProcess(process, tls_port)

    @contextmanager
    def host(self, app: App, setting: Setting, stub: StubProcess) -> Iterator[Running]:
        """The app; it may not listen yet."""
        port = free_port()
        command = [
            *self.cores.app,
            *python("devstack.functions_host", {"--app": app.folder, "--port": port}),
            *["--timers-on-demand", "--stop-with-stdin"],
        ]
        with running(app.name, command, port, self.settings(setting, stub), self._folder) as host:
            yield host

    def send(self, host: Running, requests: Iterable[bytes], connections: int) -> LoadResult:
        """Send requests for one second.

        Args:
            requests: more than are sent, so they may have no end.

        Raises:
            BenchError: that is not possible.
        """
        file = self._folder / "requests"
        # A second and a half, because wrk ends up to 0.1 s late.
        prepared.write(islice(requests, self._fastest * 3 // 2), file)
        return run_wrk(self.cores.load, host.url, file, connections)

    def _file_of(self, stored: Rows) -> Path:
        if stored not in self._row_files:
            file = self._folder / f"rows-{len(self._row_files)}.jsonl"
            write_rows(stored(), file)
            self._row_files[stored] = file
        return self._row_files[stored]

    def settings(self, setting: Setting, stub: StubProcess) -> dict[str, str]:
        """The environment of both apps, which point them at the stub."""
        base = stub.process.url
        azure = f"https://127.0.0.1:{stub.tls_port}" if setting.tls else base
        issuer = {
            "issuer": people.ISSUER,
            "audience": people.AUDIENCE,
            "metadataUrl": base + METADATA_PATH,
        }
        return {
            "LOG_LEVEL": setting.log_level,
            "COMMUNICATION_CONNECTION_STRING": f"endpoint={azure}/;accesskey={ACS_ACCESS_KEY}",
            "COMMUNICATION_RESOURCE_ID": people.RESOURCE_ID,
            "TABLES_CONNECTION_STRING": f"AccountName={_ACCOUNT};AccountKey={_ACCOUNT_KEY};"
            f"TableEndpoint={azure}/{_ACCOUNT};",
            "AUTH_ISSUERS": json.dumps([issuer]),
            "CALLBACK_ISSUER": people.ISSUER,
            "CALLBACK_JWKS_URL": base + KEYS_PATH,
            # The reference's own.
            "BENCH_ISSUER": people.ISSUER,
            "BENCH_AUDIENCE": people.AUDIENCE,
            "BENCH_KEY_SET": str(self.people.key_set),
            "BENCH_ROW_KEY": MAPPING_ROW,
            **({"SSL_CERT_FILE": str(self._certificates.authority)} if setting.tls else {}),
        }
