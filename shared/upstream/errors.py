"""The meaning of failed requests to Azure that is the same for every service.

An adapter first handles the failures that mean something of its own, and leaves the others to
`problem_of`.
"""

import logging
from http import HTTPStatus

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.problems import Problem, Throttled
from shared.unavailable import DEFAULT_RETRY_AFTER, Refused
from shared.upstream.retries import retry_after
from shared.upstream.services import Service

logger = logging.getLogger(__name__)

_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
# Answers below 500 that do not say that something is wrong with the request itself.
_NOT_THE_REQUEST = (*_REFUSED, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


class NoAccessToken(ClientAuthenticationError):
    """The app has no managed identity, or got no access token for it: no service was asked."""


def problem_of(error: AzureError, service: Service) -> Problem:
    """The problem that clients get for a failed request. Logs the failure, and its remedy.

    The texts of the error stay out of problem and log: they may hold a secret or somebody's id.
    """
    if refusal := refusal_of(error, service):
        return refusal
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if status is None:
        logger.warning("%s cannot be reached: %s", service.name, type(error).__name__)
        return service.unavailable()
    if status == HTTPStatus.TOO_MANY_REQUESTS and service.limits_clients:
        logger.warning("%s throttles us", service.name)
        return Throttled(retry_after=retry_after(error) or DEFAULT_RETRY_AFTER)
    logger.warning("%s answered %s (%s)", service.name, status, error_code(error))
    return service.unavailable(retry_after=retry_after(error))


def refusal_of(error: AzureError, service: Service) -> Refused | None:
    """The problem if our credential is what failed; None for every other failure. Logs it."""
    if isinstance(error, NoAccessToken):
        logger.error("no access token for %s: %s", service.name, service.if_no_token)
        return service.refused(service.if_no_token, is_without_token=True)
    is_refused = isinstance(error, HttpResponseError) and error.status_code in _REFUSED
    if is_refused or isinstance(error, ClientAuthenticationError):
        code, remedy = error_code(error), service.if_refused
        logger.error("%s refused our credential (%s): %s", service.name, code, remedy)
        return service.refused(remedy)
    return None


def is_rejected(error: AzureError) -> bool:
    """Whether a service has accepted our credential, and finds the request itself wrong."""
    status = error.status_code if isinstance(error, HttpResponseError) else None
    return (
        status is not None
        and status < HTTPStatus.INTERNAL_SERVER_ERROR
        and status not in _NOT_THE_REQUEST
    )


def error_code(error: AzureError) -> str:
    """The error code of the answer, or `no code`. Other texts of it may hold a secret."""
    # The SDK of Table Storage has the code in another place than all others.
    code = getattr(error, "error_code", None) or getattr(
        getattr(error, "error", None), "code", None
    )
    text = str(getattr(code, "value", code) or "")
    return text if text.isalnum() else "no code"
