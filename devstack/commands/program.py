"""python -m devstack.commands.program MODULE ...: run a module as `python -m MODULE ...` does, for
a person: Ctrl-C while it is still being imported, a reader that has gone and a full disk end it
without a traceback.
"""

import runpy
import sys

from devstack.commands.endings import ended, raise_at_interrupts, write_whatever_it_is


def main() -> int:
    raise_at_interrupts()
    write_whatever_it_is()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    sys.exit(ended(main))
