"""Runs a stack: brings the parts up, waits for the end, and takes them down, whatever happens.

Three things end a stack: somebody asks (SIGINT, SIGTERM, SIGHUP, or the end of standard input), a
part dies, or this process is killed. In the last case nothing of ours can run any more: the parts
stop by themselves when the pipe on their standard input closes.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence

from devstack.installation.progress import Progress
from devstack.issuer.tokens import issuer_key
from devstack.lifetime import when_stdin_ends
from devstack.stack.certificates import Certificates, certificates
from devstack.stack.disk import watch_the_disk
from devstack.stack.enrolment import NotEnrolled, enrol
from devstack.stack.environment import overridden
from devstack.stack.parts import emulators, host, provision
from devstack.stack.plan import Plan
from devstack.stack.port_choice import choose_ports
from devstack.stack.state_folder import StackError, StateFolder
from devstack.stack.supervisor import PartDied, Report, Supervisor


async def run(
    folder: StateFolder,
    *,
    ports: str | int | None,
    fresh: bool,
    with_host: bool,
    redirect_schemes: Sequence[str],
    stop_with_stdin: bool,
    in_memory: bool,
    report: Report,
    ready: Callable[[Plan], None],
) -> bool:
    """Run a stack in `folder` until it ends; then none of its processes runs any more.

    Args:
        ports: as `choose_ports` takes them.
        redirect_schemes: of native apps, to which the issuer may redirect.
        stop_with_stdin: whether the end of standard input asks it to stop.
        in_memory: whether tables are gone with the stack, which then has no blobs.
        report: called with sentences for the person at the terminal.
        ready: called once, when every part answers and stack.json is written.

    Returns:
        Whether it was asked to stop, and all is kept. If not, a part died, or could not write what
        it has to keep.

    Raises:
        StackError: nothing was started.
    """
    with folder.locked(report) as lock:
        supervisor = Supervisor(folder, lock)
        _handle_signals(supervisor)
        if stop_with_stdin:
            _stop_with_stdin(supervisor)
        try:
            prepared = _prepare(folder, ports, with_host=with_host, fresh=fresh)
            plan = Plan(folder, *prepared, with_host, redirect_schemes, in_memory)
            last = plan.issuer if in_memory else folder.keep_issuer(plan.issuer)
        except OSError as error:
            raise folder.unwritable(error) from error
        if last not in ("", plan.issuer):
            report(
                f"note: with these ports the issuer is {plan.issuer}, and was {last} at the last "
                "start here. Its address is part of every identity: all people are new until a "
                "start with the earlier ports"
            )
        if names := overridden(os.environ, plan.settings()):
            report(
                "note: not taken from the environment, because the stack sets them, or another "
                f"setting in their place: {', '.join(names)}"
            )
        work = asyncio.create_task(_bring_up(supervisor, plan, report, ready))
        watch = asyncio.create_task(watch_the_disk(folder, report))
        try:
            await asyncio.wait({work, supervisor.end}, return_when="FIRST_COMPLETED")
            if not supervisor.end.done():
                await work
            await supervisor.end
        except PartDied as death:
            report(str(death))
            return False
        finally:
            with contextlib.suppress(OSError):  # a file that is left behind misleads nobody
                folder.withdraw()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError, PartDied, OSError):
                await work
            await supervisor.stop(report)
            watch.cancel()
            for name in supervisor.unsaved:
                why = f", because {folder.no_room()}" if folder.is_full() else ""
                report(
                    f"{name} could not write its data{why}: what it last held in memory is lost "
                    f"({folder.log(name)})"
                )
        return not supervisor.unsaved


def _handle_signals(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, supervisor.request_stop)
    loop.add_signal_handler(signal.SIGTERM, supervisor.request_stop)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # with nohup it is ignored
        loop.add_signal_handler(signal.SIGHUP, supervisor.request_stop)


def _stop_with_stdin(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()

    def request_stop() -> None:
        with contextlib.suppress(RuntimeError):  # the stack has stopped, and the loop with it
            loop.call_soon_threadsafe(supervisor.request_stop)

    when_stdin_ends(request_stop)


def _prepare(
    folder: StateFolder, ports: str | int | None, *, with_host: bool, fresh: bool
) -> tuple[dict[str, int], Certificates]:
    """The ports and the certificates; afterwards the folder has what several parts need."""
    choice = choose_ports(folder, ports, with_host=with_host, fresh=fresh)
    folder.make_folders()
    if fresh:  # nothing is removed before that is known to be possible
        folder.make_fresh()
        folder.make_folders()
    try:
        # Made now, before two processes could make it at the same time.
        issuer_key(folder.issuer_key)
    except ValueError as error:
        raise StackError(
            f"{folder.issuer_key} is damaged: remove it (tokens then have to be fetched anew)"
        ) from error
    try:
        of_servers = certificates(folder.path)
    except ValueError as error:
        raise StackError(f"{error}: remove both, and clients have to trust the new ones") from error
    if choice.to_keep:
        folder.keep_ports(choice.to_keep)
    folder.withdraw()  # a killed stack may have left stack.json
    return choice.ports, of_servers


async def _bring_up(
    supervisor: Supervisor, plan: Plan, report: Report, ready: Callable[[Plan], None]
) -> None:
    not_enrolled = ""
    with Progress("starting the stack") as progress:
        showing = asyncio.create_task(_show_waiting(supervisor, progress))
        try:
            async with asyncio.TaskGroup() as together:
                for part in emulators(plan):
                    together.create_task(supervisor.start(part))
            await supervisor.run(provision(plan))
            if plan.with_host:
                await supervisor.start(host(plan))
                not_enrolled = await _enrol(plan)
        except* (PartDied, OSError) as reasons:
            raise reasons.exceptions[0] from None
        finally:
            showing.cancel()
    if not_enrolled:
        report(f"note: not everybody can be called before they sign in: {not_enrolled}")
    plan.folder.publish(plan.description(supervisor.pids))
    ready(plan)


async def _enrol(plan: Plan) -> str:
    """Why that failed; empty if it did not. People may export what makes the app refuse it."""
    try:
        await enrol(plan)
    except NotEnrolled as reason:
        return str(reason)
    return ""


async def _show_waiting(supervisor: Supervisor, progress: Progress) -> None:
    while True:
        progress.show(f"waiting for {', '.join(supervisor.awaited) or 'the app'}")
        await asyncio.sleep(0.2)
