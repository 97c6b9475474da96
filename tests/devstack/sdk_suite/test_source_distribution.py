"""Microsoft's tests are the pinned ones, or they are not run."""

import functools
import hashlib
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.devstack.sdk_suite.source_distribution import (
    FILE_NAME,
    PACKAGE,
    IndexUnreachableError,
    WrongFileError,
    source_distribution,
    unpack_tests,
)
from tests.devstack.sdk_suite.test_sdk_suite import archive_or_skip

NOBODY = "http://127.0.0.1:9/simple"
TOP = FILE_NAME.removesuffix(".tar.gz")


@pytest.fixture
def only_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip asks the index that the test names, whatever this machine's settings are."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", NOBODY)


@pytest.fixture
def index(tmp_path: Path, only_index: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where an index keeps the files of the package."""
    folder = tmp_path / "index" / PACKAGE
    folder.mkdir(parents=True)
    handler = functools.partial(_Quiet, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield folder
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def archive(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))
    return path


def test_another_file_under_that_name_is_refused_and_not_run(index: Path, tmp_path: Path) -> None:
    proof = tmp_path / "was-run"
    setup = f"import pathlib; pathlib.Path({str(proof)!r}).touch()".encode()
    archive(index / FILE_NAME, {f"{TOP}/setup.py": setup, f"{TOP}/PKG-INFO": b"Name: x\n"})

    with pytest.raises(WrongFileError):
        source_distribution(tmp_path / "cache")

    assert not proof.exists()
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_kept_file_is_not_fetched_again(only_index: None, tmp_path: Path) -> None:
    content = b"the pinned file"
    (tmp_path / FILE_NAME).write_bytes(content)

    kept = source_distribution(tmp_path, hashlib.sha256(content).hexdigest())

    assert kept == tmp_path / FILE_NAME


@pytest.mark.parametrize("is_ci", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_without_an_index_the_suite_is_skipped_but_fails_in_ci(
    only_index: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_ci: bool
) -> None:
    """A kept file that has changed is not used instead."""
    (tmp_path / FILE_NAME).write_bytes(b"another")
    monkeypatch.delenv("CI", raising=False)
    if is_ci:
        monkeypatch.setenv("CI", "true")

    with pytest.raises(IndexUnreachableError if is_ci else pytest.skip.Exception) as told:
        archive_or_skip(tmp_path)

    assert "No matching distribution" in str(told.value)


def test_only_the_tests_are_unpacked(tmp_path: Path) -> None:
    contents = {f"{TOP}/tests/test_a.py": b"a", f"{TOP}/setup.py": b"b", "tests/test_c.py": b"c"}
    folder = unpack_tests(archive(tmp_path / FILE_NAME, contents), tmp_path / "unpacked")

    found = [path for path in (tmp_path / "unpacked").rglob("*") if path.is_file()]
    assert found == [folder / "test_a.py"]


def test_nothing_is_unpacked_outside_the_folder(tmp_path: Path) -> None:
    name = f"{TOP}/tests/../../../outside.py"
    whole = archive(tmp_path / FILE_NAME, {name: b"escaped"})

    with pytest.raises(tarfile.OutsideDestinationError):
        unpack_tests(whole, tmp_path / "unpacked")

    assert list(tmp_path.rglob("outside.py")) == []
