"""The policy for tokens: which scopes and lifetimes a caller may request."""

from collections.abc import Mapping
from typing import NamedTuple, Self

from shared.identity.settings import MIN_TOKEN_MINUTES, IdentitySettings
from shared.problems import Fault, InvalidRequest


class Policy(NamedTuple):
    """Lifetimes in minutes.

    Attributes:
        scopes: the scopes that every caller may request, and the default.
        scopes_by_role: the scopes that a caller with an app role may request besides.
    """

    scopes: frozenset[str]
    scopes_by_role: Mapping[str, frozenset[str]]
    default_minutes: int
    max_minutes: int

    @classmethod
    def of(cls, settings: IdentitySettings) -> Self:
        return cls(
            settings.token_scopes,
            settings.token_scopes_by_role,
            settings.token_minutes,
            settings.token_max_minutes,
        )

    def decide(
        self, roles: frozenset[str], scopes: frozenset[str] | None, minutes: int | None
    ) -> tuple[frozenset[str], int]:
        """The scopes and minutes to request from ACS.

        Raises:
            InvalidRequest: the caller requests more than the policy allows; it names the limits.
        """
        allowed = self.scopes.union(*(self.scopes_by_role.get(role, ()) for role in roles))
        faults = []
        if scopes is not None and not scopes <= allowed:
            faults.append(Fault("policy", "scopes", f"allowed here: {', '.join(sorted(allowed))}"))
        if minutes is not None and not MIN_TOKEN_MINUTES <= minutes <= self.max_minutes:
            limits = f"allowed here: {MIN_TOKEN_MINUTES} to {self.max_minutes}"
            faults.append(Fault("policy", "expiresInMinutes", limits))
        if faults:
            listed = "; ".join(f"{fault.field} {fault.message}" for fault in faults)
            raise InvalidRequest(f"Beyond the service's policy: {listed}.", faults=faults)
        return scopes or self.scopes, minutes or self.default_minutes
