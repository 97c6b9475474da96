"""The edge for functions that a timer runs: nobody asks, and nobody gets an answer."""

import logging
import time
from collections.abc import Awaitable, Callable

import azure.functions as func

from shared.app import App
from shared.http.serving import code_path
from shared.http.worker import current
from shared.problems import Misconfigured, Problem
from shared.settings_reader import SettingsError

logger = logging.getLogger(__name__)

_OK = "ok"


async def serve_timer(
    timer: func.TimerRequest, context: func.Context, work: Callable[[App], Awaitable[object]]
) -> None:
    """Run the work, which sets its own time limit. Every outcome gives one line in the log.

    Raises:
        TimerFailed: the work failed. The platform counts the run as failed.
    """
    began = time.monotonic()
    outcome = "aborted"  # unless anything else is known: the instance is being taken away
    try:
        await work(current())
        outcome = _OK
    except Problem as problem:
        outcome = problem.code
    except SettingsError as error:
        logger.error("settings are wrong: %s", error)
        outcome = Misconfigured.code
    except Exception as error:
        outcome = type(error).__name__
        logger.error("unexpected %s at %s", outcome, code_path(error))
    finally:
        logger.info(
            "%s%s: %s in %d ms, invocation %s",
            context.function_name,
            ", late" if timer.past_due else "",
            outcome,
            (time.monotonic() - began) * 1000,
            context.invocation_id,
        )
    if outcome != _OK:
        # The runtime logs the text, so that it holds nothing of the error's own.
        raise TimerFailed(outcome)


class TimerFailed(Exception):
    """A run failed; the text is a code, or the name of an exception's type."""
