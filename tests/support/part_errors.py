"""Errors in the background of emulators, of which no answer tells: they fail the running test."""

from pathlib import Path

from devstack.emulation.background import FAILURE


class PartErrors:
    """Reads the logs of emulators, each line once."""

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}  # how many bytes, by log

    def watch(self, log: Path) -> None:
        self._read[log] = log.stat().st_size if log.exists() else 0

    def forget(self, log: Path) -> None:
        del self._read[log]

    def new(self) -> list[str]:
        """What was logged since the last time, for each log in which there is a failure."""
        return [text for log in self._read if FAILURE in (text := self._news(log))]

    def _news(self, log: Path) -> str:
        if not log.exists() or log.stat().st_size == self._read[log]:
            return ""
        with log.open("rb") as file:
            file.seek(self._read[log])
            text = file.read()
        self._read[log] += len(text)
        return text.decode(errors="replace")


PART_ERRORS = PartErrors()
