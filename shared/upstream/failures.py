"""The errors with which a request to Azure fails, through an SDK or without one.

`shared.upstream.sdk` turns the errors of Microsoft's SDKs into them. Requests without an SDK do not
load azure-core for its errors: that takes 27 ms. Log only a class's name, `status` and
`shown_code`: other texts of an answer may hold a secret or somebody's id.
"""

import re

# The longest Retry-After, in seconds, that a client gets.
_LONGEST_RETRY_AFTER = 3600.0
_SECONDS = "[0-9]{1,9}"


class RequestFailed(Exception):
    """A request to Azure failed. Not one of the subclasses: an SDK gave up without an answer, for
    another reason than NotSent or NoAnswer; that is not repeated."""


class NotSent(RequestFailed):
    """There is no connection to the service, so it was not asked."""


class NoAnswer(RequestFailed):
    """No whole answer came; the service may have been asked."""


class NoAccessToken(RequestFailed):
    """The app has no managed identity, or got no access token for it: no service was asked."""


class ErrorAnswer(RequestFailed):
    """The service has answered, but not that it did what it was asked.

    Attributes:
        status: the HTTP status.
        code: the error code of the answer; empty if it has none, as from a gateway.
        target: what is wrong in the request, if the answer says it.
        retry_after: its Retry-After in seconds, an hour at most; None if it has none, or a date.
    """

    def __init__(
        self, status: int, code: str = "", *, target: str = "", retry_after: str = ""
    ) -> None:
        """
        Args:
            retry_after: the text of the header; empty if there is none.
        """
        super().__init__(status)
        self.status = status
        self.code = code
        self.target = target
        is_number = re.fullmatch(_SECONDS, retry_after) is not None
        self.retry_after = min(float(retry_after), _LONGEST_RETRY_AFTER) if is_number else None

    @property
    def shown_code(self) -> str:
        """The code, for logs and answers; `no code` where it is none, or another text."""
        return self.code if self.code.isalnum() else "no code"


class Unreadable(ErrorAnswer):
    """The status is 2xx, but body or headers are not what was expected. The request may have had
    its effect."""
