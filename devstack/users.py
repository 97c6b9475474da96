"""The test users of every local stack: on the issuer's login page, and for `dev.py token`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StackUser:
    id: str  # the token's `sub`
    display_name: str

    @property
    def email(self) -> str:
        return f"{self.id}@example.com"  # a domain that nobody can own (RFC 2606)


STACK_USERS = (
    StackUser("alice", "Alice Adams"),
    StackUser("bob", "Bob Brown"),
    StackUser("carol", "Carol Clark"),
    StackUser("dave", "Dave Davis"),
)


def stack_user(user_id: str) -> StackUser | None:
    return next((user for user in STACK_USERS if user.id == user_id), None)
