"""python -m devstack.graph_emulator: run the emulator until told to stop."""

import sys

from devstack.emulation.process import ProcessSettings, common_options, read_options, run
from devstack.graph_emulator.server import build_app


def main() -> None:
    parser = common_options("python -m devstack.graph_emulator", __doc__, port=7075)
    given, stop_with_stdin = read_options(parser, sys.argv[1:])
    run("graph_emulator", build_app, ProcessSettings(**given), stop_with_stdin=stop_with_stdin)


if __name__ == "__main__":
    main()
