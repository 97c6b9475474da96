"""Whether each answer of the hosts is in the OpenAPI description: what is not fails the test.

The hosts' logs say of every answer which function gave it, its status and its problem; so it does
not matter who has asked, nor how.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import shared.problems
import shared.unavailable
from shared.problems import Problem

ROOT = Path(__file__).parents[2]
# What `shared.http.serving.answer` logs.
_ANSWER = re.compile(rb"shared\.http\.serving \[[^]]*\]: (\w+) (\w+): (\d{3}) ([\w-]+) in \d+ ms")
_OK = "ok"

# Where problems are declared.
_PROBLEMS = (shared.problems, shared.unavailable)

type Answered = tuple[str, str, int, str]  # function, method, status, problem or "ok"


class DescribedAnswers:
    """Reads the logs of hosts, each line once."""

    def __init__(self) -> None:
        self._read: dict[Path, int] = {}  # how many bytes, by log
        self._growing: set[Path] = set()  # looking at a hundred logs after each test takes time
        self._ended: set[Path] = set()

    def watch(self, log: Path) -> None:
        """Read what a host writes there from now on; what it wrote before is read as well."""
        self._read.setdefault(log, 0)
        self._growing.add(log)
        self._ended.discard(log)

    def end(self, log: Path) -> None:
        """Its host is dead: the log is read once more, and then not until it is watched again."""
        self._ended.add(log)

    def undescribed(self) -> list[str]:
        """What was answered since the last time and is not described, each once."""
        return [
            f"{function} answered {method} with {status} {code}: list it in its OPERATION"
            for function, method, status, code in sorted(set(self.new()) - described())
        ]

    def new(self) -> list[Answered]:
        """What was answered since the last time."""
        answers = [answer for log in self._growing for answer in self._new(log)]
        self._growing -= self._ended
        self._ended.clear()
        return answers

    def _new(self, log: Path) -> Iterator[Answered]:
        if not log.exists() or log.stat().st_size == self._read[log]:
            return
        with log.open("rb") as file:
            file.seek(self._read[log])
            text = file.read()
        whole_lines = text[: text.rfind(b"\n") + 1]
        self._read[log] += len(whole_lines)
        for method, function, status, code in _ANSWER.findall(whole_lines):
            yield function.decode(), method.decode(), int(status), code.decode()


@cache
def described() -> frozenset[Answered]:
    """Every answer that the description has."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))
    return frozenset(
        (operation["x-function"], name.upper(), int(status), code)
        for path in document["paths"].values()
        for name, operation in path.items()
        # HEAD has the statuses of GET without their bodies, and so without the codes in them.
        for status, answer in (path["get"] if name == "head" else operation)["responses"].items()
        for code in codes_of(document, answer)
    )


def codes_of(document: dict[str, Any], answer: dict[str, Any]) -> list[str]:
    """The problems of an answer in the description; "ok" where it is none."""
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    problem = answer.get("content", {}).get("application/problem+json")
    if problem is None:
        return [_OK]
    codes: list[str] = problem["schema"]["allOf"][1]["properties"]["code"]["enum"]
    return codes


DESCRIBED_ANSWERS = DescribedAnswers()


def problems() -> set[type[Problem]]:
    """All that have a code."""
    declared = (kind for module in _PROBLEMS for kind in vars(module).values())
    kinds = {kind for kind in declared if isinstance(kind, type) and issubclass(kind, Problem)}
    return {kind for kind in kinds if hasattr(kind, "code")}
