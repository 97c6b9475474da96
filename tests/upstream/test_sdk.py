"""What the errors of Microsoft's SDKs mean."""

from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
)

from shared.upstream.failures import ErrorAnswer, NoAccessToken, NoAnswer, RequestFailed
from shared.upstream.sdk import by_sdk


class Answer:
    """As azure-core's errors read an answer."""

    reason = "Reason"

    def __init__(self, status: int, body: str, headers: Mapping[str, str]) -> None:
        self.status_code, self.headers, self._body = status, headers, body

    def text(self, _encoding: str | None = None) -> str:
        return self._body


def answered(status: int, body: str = "", **headers: str) -> HttpResponseError:
    response: Any = Answer(status, body, headers)
    return HttpResponseError(response=response)


async def failure(error: Exception) -> RequestFailed:
    async def request() -> None:
        raise error

    with pytest.raises(RequestFailed) as failed:
        await by_sdk(request)
    return failed.value


@pytest.mark.parametrize(
    ("error", "means"),
    [
        (ServiceRequestError("secret"), NoAnswer),
        (ServiceRequestTimeoutError("secret"), NoAnswer),
        (ServiceResponseError("secret"), NoAnswer),
        (AzureError("secret"), RequestFailed),
        (HttpResponseError("secret"), RequestFailed),
        (NoAccessToken("none"), NoAccessToken),
    ],
)
async def test_a_request_without_an_answer_may_have_been_sent(
    error: Exception, means: type[RequestFailed]
) -> None:
    found = await failure(error)

    assert type(found) is means
    assert "secret" not in str(found)


async def test_an_answer_keeps_what_adapters_tell_apart() -> None:
    body = '{"error": {"code": "ValidationError", "message": "secret", "target": "appId"}}'
    found = await failure(answered(429, body, **{"Retry-After": "7"}))

    assert isinstance(found, ErrorAnswer)
    assert (found.status, found.code, found.target) == (429, "ValidationError", "appId")
    assert found.retry_after == 7
    assert "secret" not in str(found)


async def test_an_answer_of_a_gateway_has_no_code() -> None:
    found = await failure(answered(404, "<html>not here</html>"))

    assert isinstance(found, ErrorAnswer)
    assert (found.status, found.code, found.shown_code) == (404, "", "no code")
    assert found.retry_after is None


async def test_a_credential_that_fails_by_itself_is_a_refused_one() -> None:
    found = await failure(ClientAuthenticationError("secret"))

    assert isinstance(found, ErrorAnswer)
    assert found.status == 401
