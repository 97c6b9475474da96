"""Microsoft's tests import the asynchronous client, and do not use it."""

from . import ServiceBusClient

__all__ = ["ServiceBusClient"]
