"""Microsoft's tests import the asynchronous client, and do not use it."""

from . import PhoneNumbersClient

__all__ = ["PhoneNumbersClient"]
