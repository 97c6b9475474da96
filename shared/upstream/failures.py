"""How a request to Azure fails: the same errors for every service, whoever sent the request.

Those of Microsoft's SDKs become these in `shared.upstream.sdk`, so that a request without an SDK
loads none of them: azure-core alone takes 30 ms. The texts of errors may hold a secret or
somebody's id, so adapters turn them into problems, and log only what is named here.
"""

import re

# The longest Retry-After, in seconds, that a client gets.
_LONGEST_RETRY_AFTER = 3600.0
_SECONDS = re.compile("[0-9]{1,9}")


class RequestFailed(Exception):
    """A request to Azure failed."""


class NotSent(RequestFailed):
    """The service cannot be reached, and was not asked."""


class NoAnswer(RequestFailed):
    """No whole answer came; the service may have been asked."""


class NoAccessToken(RequestFailed):
    """The app has no managed identity, or got no access token for it: no service was asked."""


class ErrorAnswer(RequestFailed):
    """The service has answered, but not that it did what it was asked.

    Attributes:
        code: the error code of the answer; empty if it has none, as from a gateway.
        target: what is wrong in the request, if the answer says it.
        retry_after: its Retry-After in seconds, an hour at most; None if it has none, or a date.
    """

    def __init__(
        self, status: int, code: str = "", *, target: str = "", retry_after: str = ""
    ) -> None:
        super().__init__(status)
        self.status = status
        self.code = code
        self.target = target
        is_number = _SECONDS.fullmatch(retry_after) is not None
        self.retry_after = min(float(retry_after), _LONGEST_RETRY_AFTER) if is_number else None

    @property
    def shown_code(self) -> str:
        """The code, for logs and answers; `no code` where it is none, or another text."""
        return self.code if self.code.isalnum() else "no code"


class Unreadable(ErrorAnswer):
    """The answer is no error, and not what was expected either."""
