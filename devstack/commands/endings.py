"""How a program for people ends: with a sentence, and never with a traceback.

Each module reports the errors that it knows: pip's step, the folder of the stack, a port that is
taken. This module handles what any program can meet: Ctrl-C, a reader of its output that has gone,
a full disk. For a fault of ours, it prints one line and writes a file with the whole trace.

Readable by Python 3.6, and standard library only (see dev.py).
"""

import contextlib
import os
import signal
import sys
from typing import Callable

from devstack.os_errors import in_words

# As shells say it of programs that a signal has ended.
INTERRUPTED = 128 + int(signal.SIGINT)
NOBODY_READS = 128 + 13  # SIGPIPE, which Windows does not have


def ended(work: Callable[[], int], name: str = "dev.py") -> int:
    """Do the work, and return the exit code, whatever happened.

    Args:
        name: begins each line that says why the work has ended.
    """
    try:
        code = _done(work)
        sys.stdout.flush()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a second Ctrl-C ends it at once
        drop_output()
        return INTERRUPTED
    except BrokenPipeError as error:
        if not drop_output():
            return _unexpected(error, name)  # it was another pipe, or a socket
        return NOBODY_READS
    except OSError as error:
        drop_output()
        _say("{}: {}".format(name, in_words(error)))
        return 1
    except Exception as error:
        return _unexpected(error, name)
    return code


def write_whatever_it_is() -> None:
    """From now on a letter that the encoding of the output does not have is written by its number,
    and the name of a file that is no text as its bytes."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)  # Python 3.6 has none
        if reconfigure is not None:
            is_utf8 = stream.encoding.lower() in ("utf-8", "utf8")
            reconfigure(errors="surrogateescape" if is_utf8 else "backslashreplace")


def raise_at_interrupts() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, also one that came a moment ago. Where it is
    ignored, as a shell's background jobs ignore it, it stays so."""
    hook = sys.unraisablehook

    def end_at_lost_interrupts(lost: "sys.UnraisableHookArgs") -> None:
        # Python drops what is raised in a callback of its own, above all while it imports.
        if issubclass(lost.exc_type, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        hook(lost)

    sys.unraisablehook = end_at_lost_interrupts
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def drop_output() -> bool:
    """Throw away output that cannot be written, or Python complains about it at the end; returns
    whether nobody can write there."""
    is_gone = _has_no_reader()
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        is_gone = True
    if is_gone:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return is_gone


def _has_no_reader() -> bool:
    """Whether stdout is a pipe whose other end is closed."""
    import select

    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        return any(events & select.POLLERR for _, events in poll.poll(0))
    except (AttributeError, OSError, ValueError):  # Windows has no poll
        return False


def _done(work: Callable[[], int]) -> int:
    try:
        return work()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        _say(str(end.code))
        return 1


def _unexpected(error: Exception, name: str) -> int:
    import tempfile  # here, because every start would wait for them
    import traceback

    drop_output()
    if isinstance(error, ImportError):
        what = "the installation is damaged ({}): remove .venv, and start again".format(error)
    else:
        what = "this should not have happened: {}: {}".format(type(error).__name__, error)
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    _say("{}: {}".format(name, " ".join(what.split())))
    with contextlib.suppress(OSError):
        descriptor, path = tempfile.mkstemp(prefix="dev-py-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(trace)
        _say("{}: what led to it is in {}".format(name, path))
    return 1


def _say(text: str) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
