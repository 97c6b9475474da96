"""python -m devstack.commands.audit: ask whether a pinned package has a known vulnerability.

Exit code 1 where one has. Where nobody answers, it says so, and that is no failure: the check has
to work without a network.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from devstack.files import ROOT

# All that is pinned: what is deployed is part of it.
PINNED = ROOT / "requirements-dev.txt"
_COMMAND = ["-m", "pip_audit", "-r", str(PINNED), "--require-hashes", "--disable-pip"]
_OPTIONS = ["--progress-spinner", "off", "--format", "json", "--timeout", "5"]
# Seconds for all packages, which are asked for one by one.
_MOST_SECONDS = 90.0


class Verdict(NamedTuple):
    text: str
    exit_code: int


def verdict(printed: str) -> Verdict:
    """The sentence about the tool's answer, which is no JSON if the tool could not ask."""
    try:
        packages = json.loads(printed)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Verdict("nobody could be asked about vulnerabilities: not audited", 0)
    found = [
        f"{package['name']} {package['version']}: {vulnerability['id']},"
        f" fixed in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for package in packages
        for vulnerability in package.get("vulns", ())
    ]
    if found:
        return Verdict("\n".join(found), 1)
    asked = [package for package in packages if "vulns" in package]
    if not asked:
        return Verdict("the package index has no data about vulnerabilities: not audited", 0)
    return Verdict(f"{len(asked)} of {len(packages)} packages: no known vulnerability", 0)


def main(_arguments: Sequence[str] = ()) -> int:
    try:
        done = subprocess.run(
            [sys.executable, *_COMMAND, *_OPTIONS],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=_MOST_SECONDS,
        )
        answer = verdict(done.stdout)
    except subprocess.TimeoutExpired:
        answer = Verdict(f"no answer in {_MOST_SECONDS:.0f} s: not audited", 0)
    print(answer.text)
    return answer.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
