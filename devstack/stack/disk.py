"""Tells the person at the terminal when the disk of a running stack is full, and when it is not any
more: the parts answer with errors meanwhile, and nobody would know why.
"""

import asyncio
import contextlib

from devstack.stack.state_folder import StateFolder
from devstack.stack.supervisor import Report

LOOK_SECONDS = 2.0


async def watch_the_disk(
    folder: StateFolder, report: Report, seconds: float = LOOK_SECONDS
) -> None:
    """Look every `seconds` until it is cancelled."""
    was_full = False
    while True:
        is_full = was_full
        with contextlib.suppress(OSError):  # somebody has removed the folder
            is_full = folder.is_full()
        if is_full and not was_full:
            report(
                f"{folder.no_room()}: the stack cannot keep what happens now. Make room while it "
                "runs, and it writes the rest of it"
            )
        elif was_full and not is_full:
            report(f"the disk of {folder.path} has room again")
        was_full = is_full
        await asyncio.sleep(seconds)
