"""Microsoft's tests import the asynchronous client, and do not use it."""

from azure.communication.phonenumbers import PhoneNumbersClient as PhoneNumbersClient
