"""The test users of every local stack: on the issuer's login page, and for `dev.py token`."""

import uuid
from dataclasses import dataclass

# Object ids of all other users are derived from it; any constant is as good.
_NAMESPACE = uuid.UUID("acde0000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class StackUser:
    id: str  # the token's `sub`
    display_name: str
    object_id: str  # the id that Entra would give this person: the `oid` of their Teams token

    @property
    def email(self) -> str:
        return f"{self.id}@example.com"  # a domain that nobody can own (RFC 2606)


STACK_USERS = (
    StackUser("alice", "Alice Adams", "acde0000-0000-4000-8000-0000000a11ce"),
    StackUser("bob", "Bob Brown", "acde0000-0000-4000-8000-000000000b0b"),
    StackUser("carol", "Carol Clark", "acde0000-0000-4000-8000-00000000ca01"),
    StackUser("dave", "Dave Davis", "acde0000-0000-4000-8000-00000000da7e"),
)


def stack_user(user_id: str) -> StackUser | None:
    return next((user for user in STACK_USERS if user.id == user_id), None)


def object_id(user_id: str) -> str:
    """The object id of any user: the same GUID every time."""
    user = stack_user(user_id)
    return user.object_id if user else str(uuid.uuid5(_NAMESPACE, user_id))
