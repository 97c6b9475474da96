"""Runs a stack: brings the parts up, waits for the end, and takes them down, whatever happens.

Three things end a stack: somebody asks (SIGINT, SIGTERM, SIGHUP), a part dies, or this process is
killed. In the last case nothing of ours can run any more: the parts stop by themselves when the
pipe on their standard input closes.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from devstack.installation.progress import Progress
from devstack.issuer.tokens import issuer_key
from devstack.stack.certificates import certificates
from devstack.stack.environment import ignored
from devstack.stack.parts import emulators, host, provision
from devstack.stack.plan import Plan
from devstack.stack.ports import DEFAULT_PORTS, is_free
from devstack.stack.state_folder import CannotStart, State
from devstack.stack.supervisor import PartDied, Supervisor, Tell


async def run(
    state: State,
    *,
    ports: str | None,
    fresh: bool,
    with_host: bool,
    tell: Tell,
    ready: Callable[[Plan], None],
) -> bool:
    """Run a stack in `state` until it ends, and leave nothing of it running.

    Args:
        ports: "default", "auto", or None: those that the folder keeps, else the default ones.
        tell: gets a sentence now and then.
        ready: called once, when everything answers and stack.json is written.

    Returns:
        True if it was asked to stop, False if a part died.

    Raises:
        CannotStart: nothing was started.
    """
    with state.locked(tell) as lock:
        supervisor = Supervisor(state, lock)
        _obey_signals(supervisor)
        state.withdraw()  # a SIGKILLed stack left it
        if fresh:
            state.make_fresh()
        plan = _plan(state, ports, with_host=with_host)
        if names := ignored(os.environ, plan.settings()):
            tell(
                "note: not taken from the environment, because the stack sets them, or another "
                f"setting in their place: {', '.join(names)}"
            )
        work = asyncio.create_task(_bring_up(supervisor, plan, ready))
        try:
            await asyncio.wait({work, supervisor.end}, return_when="FIRST_COMPLETED")
            if not supervisor.end.done():
                await work
            await supervisor.end
        except PartDied as death:
            tell(str(death))
            return False
        finally:
            state.withdraw()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, PartDied):
                await work
            await supervisor.stop(tell)
        return True


def _obey_signals(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, supervisor.ask_to_stop)
    loop.add_signal_handler(signal.SIGTERM, supervisor.ask_to_stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it ignored
        loop.add_signal_handler(signal.SIGHUP, supervisor.ask_to_stop)


def _plan(state: State, ports: str | None, *, with_host: bool) -> Plan:
    # Kept ports stay without being asked for: another issuer would make everybody somebody else.
    keep = ports == "auto" or (ports is None and state.ports_file.exists())
    chosen = state.kept_ports() if keep else dict(DEFAULT_PORTS)
    for name, port in chosen.items():
        if is_free(port) or (name == "host" and not with_host):
            continue
        if keep:
            raise CannotStart(
                f"port {port} ({name}), kept in {state.ports_file}, is taken now: stop what "
                "listens there, or remove that file and start with --ports auto for new ports "
                "(and a new issuer)"
            )
        raise CannotStart(
            f"port {port} ({name}) is taken: stop what listens there, or let the stack choose "
            "free ports with --ports auto"
        )
    try:
        issuer_key(state.issuer_key)  # made before two processes could make it at once
    except ValueError as error:
        raise CannotStart(
            f"{state.issuer_key} is damaged: remove it (tokens then have to be fetched anew)"
        ) from error
    state.logs.mkdir(exist_ok=True)
    state.tables.mkdir(exist_ok=True)
    return Plan(state, chosen, certificates(state.folder), with_host)


async def _bring_up(supervisor: Supervisor, plan: Plan, ready: Callable[[Plan], None]) -> None:
    with Progress("starting the stack") as progress:
        ticker = asyncio.create_task(_show_waiting(supervisor, progress))
        try:
            async with asyncio.TaskGroup() as together:
                for part in emulators(plan):
                    together.create_task(supervisor.start(part))
            await supervisor.run(provision(plan))
            if plan.with_host:
                await supervisor.start(host(plan))
        except* PartDied as deaths:
            raise deaths.exceptions[0] from None
        finally:
            ticker.cancel()
    plan.state.publish(plan.description(supervisor.pids))
    ready(plan)


async def _show_waiting(supervisor: Supervisor, progress: Progress) -> None:
    while True:
        progress.show(f"waiting for {', '.join(supervisor.awaited)}")
        await asyncio.sleep(0.2)
