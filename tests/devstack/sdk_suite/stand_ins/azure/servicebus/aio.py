"""Microsoft's tests import the asynchronous client, and do not use it."""

from azure.servicebus import ServiceBusClient as ServiceBusClient
