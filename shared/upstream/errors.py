"""The meaning of failed requests to Azure that is the same for every service.

An adapter first handles the failures that mean something of its own, and leaves the others to
`problem_of`.
"""

import logging
from http import HTTPStatus

from shared.problems import Problem, Throttled
from shared.unavailable import DEFAULT_RETRY_AFTER, Refused
from shared.upstream.failures import ErrorAnswer, NoAccessToken, RequestFailed
from shared.upstream.services import Service

logger = logging.getLogger(__name__)

_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# Answers below 500 that do not say that something is wrong with the request itself.
_NOT_THE_REQUEST = (*_REFUSED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def problem_of(error: RequestFailed, service: Service) -> Problem:
    """The problem that clients get for a failed request. Logs the failure, and its remedy.

    The texts of the error stay out of problem and log: they may hold a secret or somebody's id.
    """
    if refusal := refusal_of(error, service):
        return refusal
    if not isinstance(error, ErrorAnswer):
        logger.warning("%s cannot be reached: %s", service.name, outcome_of(error))
        return service.unavailable()
    if error.status == HTTPStatus.TOO_MANY_REQUESTS and service.limits_clients:
        logger.warning("%s throttles us", service.name)
        return Throttled(retry_after=error.retry_after or DEFAULT_RETRY_AFTER)
    logger.warning("%s %s", service.name, outcome_of(error))
    return service.unavailable(retry_after=error.retry_after)


def refusal_of(error: RequestFailed, service: Service) -> Refused | None:
    """The problem if our credential is what failed; None for every other failure. Logs it."""
    if isinstance(error, NoAccessToken):
        logger.error("no access token for %s: %s", service.name, service.if_no_token)
        return service.refused(service.if_no_token, is_without_token=True)
    if isinstance(error, ErrorAnswer) and error.status in _REFUSED:
        code, remedy = error.shown_code, service.if_refused
        logger.error("%s refused our credential (%s): %s", service.name, code, remedy)
        return service.refused(remedy)
    return None


def outcome_of(error: RequestFailed) -> str:
    """What came of a request, for operators: `answered 409 (TableBeingDeleted)`, `NoAnswer`, or the
    class of an SDK's error that means nothing of ours."""
    if isinstance(error, ErrorAnswer):
        return f"answered {error.status} ({error.shown_code})"
    named = error.__cause__ if type(error) is RequestFailed else None
    return type(named or error).__name__


def is_rejected(error: ErrorAnswer) -> bool:
    """Whether a service has accepted our credential, and finds the request itself wrong."""
    is_about_request = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_about_request and error.status not in _NOT_THE_REQUEST
