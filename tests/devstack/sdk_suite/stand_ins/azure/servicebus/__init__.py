"""What Microsoft's tests take from its Service Bus client: they read queues, message by message.

The queues are the dispatcher's (dispatcher.py beside this folder), over HTTP.
"""

import http.client
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import quote


class ServiceBusError(Exception):
    """The queue is not there, or does not answer."""


class ServiceBusReceivedMessage:
    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def body(self) -> Iterator[bytes]:
        yield self._content


class ServiceBusReceiver:
    def __init__(self, host: str, queue: str) -> None:
        self._host = host
        self._path = f"/queues/{quote(queue, safe='')}/head"

    def receive_messages(
        self, max_message_count: int | None = 1, max_wait_time: float | None = None
    ) -> list[ServiceBusReceivedMessage]:
        """The next message, as soon as there is one: the real client, too, gives no more than one
        unless it is asked for more."""
        assert max_message_count == 1
        connection = http.client.HTTPConnection(self._host)
        try:
            connection.request("DELETE", f"{self._path}?seconds={max_wait_time or 0}")
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status == HTTPStatus.NO_CONTENT:
            return []
        if answer.status != HTTPStatus.OK:
            raise ServiceBusError(f"{self._path} answered {answer.status}")
        return [ServiceBusReceivedMessage(content)]

    def complete_message(self, message: ServiceBusReceivedMessage) -> None:
        """A message that was received is not in the queue any more."""


class ServiceBusClient:
    def __init__(self, fully_qualified_namespace: str, credential: object) -> None:
        self._host = fully_qualified_namespace

    def get_queue_receiver(self, queue_name: str) -> ServiceBusReceiver:
        return ServiceBusReceiver(self._host, queue_name)
