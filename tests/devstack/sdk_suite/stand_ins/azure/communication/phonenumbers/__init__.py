"""What Microsoft's tests take from its client for phone numbers: they make one, and do not use it."""


class PhoneNumbersClient:
    @classmethod
    def from_connection_string(cls, _connection_string: str) -> "PhoneNumbersClient":
        return cls()
