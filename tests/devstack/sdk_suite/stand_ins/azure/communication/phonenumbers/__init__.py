"""Microsoft's tests make a client for phone numbers, and do not use it."""


class PhoneNumbersClient:
    @classmethod
    def from_connection_string(cls, _connection_string: str) -> "PhoneNumbersClient":
        return cls()
