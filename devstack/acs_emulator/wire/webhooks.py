"""Posts events to the webhooks of apps: the callbacks of calls, and the events of Event Grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from devstack.origins import is_local


def checked_webhook_url(url: str) -> str:
    """The URL itself: https, as Azure requires it, or http on loopback, which Azure cannot reach.

    Raises:
        ValueError: it is neither, or not absolute, or has credentials or a fragment.
    """
    return _checked_url(url, secure="https", plain="http")


def checked_socket_url(url: str) -> str:
    """The URL of an app's WebSocket itself: wss, as Azure requires it, or ws on loopback.

    Raises:
        ValueError: as for webhooks.
    """
    return _checked_url(url, secure="wss", plain="ws")


def _checked_url(url: str, *, secure: str, plain: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or parts.username or parts.password or parts.fragment:
        raise ValueError("is no absolute URL without credentials and fragment")
    if parts.scheme != secure and not (parts.scheme == plain and is_local(url)):
        raise ValueError(f"is neither {secure} nor, on loopback, {plain}")
    return url


@dataclass(frozen=True)
class WebhookAnswer:
    """The status, or what went wrong instead, and the text of the answer if it was read."""

    result: int | str
    text: str = ""


class WebhookClient:
    """Sends each request once. Redirects are not followed.

    Args:
        timeout_seconds: for the whole answer.
    """

    def __init__(self, timeout_seconds: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        # Each request has its own connection: on a connection that was used before, aiohttp sends a
        # request again by itself when it fails.
        connector = aiohttp.TCPConnector(force_close=True, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(
        self, url: str, body: str, headers: Mapping[str, str], *, read_answer: bool = False
    ) -> WebhookAnswer:
        """Post JSON.

        Args:
            read_answer: also read the text of the answer.
        """
        assert self._session is not None  # noqa: S101  started before the first request
        headers = {**headers, "Content-Type": "application/json; charset=utf-8"}
        try:
            async with self._session.post(
                url, data=body.encode(), headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text(errors="replace") if read_answer else ""
                return WebhookAnswer(answer.status, text)
        except TimeoutError:
            return WebhookAnswer("no answer in time")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return WebhookAnswer(type(error).__name__)
