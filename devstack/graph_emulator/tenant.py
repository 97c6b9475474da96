"""The emulated tenant: its users, what an admin has allowed, and how meetings can be joined."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from devstack.emulation.specs import Spec
from devstack.guids import GUID
from devstack.issuer.users import STACK_USERS

JoinWebUrls = Literal["long", "short"]


class UserSpec(Spec):
    """How one user differs from the others. A user with such a spec is in the tenant.

    Args:
        policy: whether an application access policy lets apps act for this user. None: the policy
            for everybody decides.
        licensed: whether this user may use Teams.
    """

    policy: bool | None = None
    licensed: bool = True


class TenantSpec(Spec):
    """The body of `PUT /_emulator/tenant`; the tenant starts with the defaults.

    Args:
        policy: whether a policy for everybody lets apps act for users. A user's own policy
            overrides it.
        users: by object id, in lower case.
        join_web_urls: new meetings get the long URLs, or `/meet/` ones.
        passcodes: new meetings have passcodes, unless their creator wants none.
        audio_conferencing: phones can call into new meetings.
    """

    policy: bool = True
    users: dict[Annotated[str, Field(pattern=f"^{GUID}$")], UserSpec] = Field(default_factory=dict)
    join_web_urls: JoinWebUrls = "long"
    passcodes: bool = True
    audio_conferencing: bool = False


@dataclass(frozen=True, kw_only=True)
class JoinOptions:
    """How people join a new meeting.

    Args:
        passcode: whether joining by id needs one. None: the meeting has no id to join by, like
            meetings from before there were such ids. The URLs of those are always long.
    """

    join_web_urls: JoinWebUrls
    passcode: bool | None
    audio_conferencing: bool


@dataclass(frozen=True)
class TenantUser:
    object_id: str
    upn: str


class Tenant:
    """Only inspection changes it, and a restart undoes the changes."""

    def __init__(self) -> None:
        self.spec = TenantSpec()

    def user(self, object_id: str) -> TenantUser | None:
        """The user with this object id. User principal names do not work here, as in Graph."""
        wanted = object_id.lower()
        for user in STACK_USERS:
            if user.object_id == wanted:
                return TenantUser(user.object_id, user.email)
        return TenantUser(wanted, f"{wanted}@example.com") if wanted in self.spec.users else None

    def apps_may_act_for(self, user: TenantUser) -> bool:
        own = self._spec_of(user).policy
        return self.spec.policy if own is None else own

    def is_licensed(self, user: TenantUser) -> bool:
        return self._spec_of(user).licensed

    def join_options(self, passcode: bool | None = None) -> JoinOptions:
        """Those of a meeting that is made now.

        Args:
            passcode: whether its creator wants one; None: the tenant decides.
        """
        return JoinOptions(
            join_web_urls=self.spec.join_web_urls,
            passcode=self.spec.passcodes if passcode is None else passcode,
            audio_conferencing=self.spec.audio_conferencing,
        )

    def _spec_of(self, user: TenantUser) -> UserSpec:
        return self.spec.users.get(user.object_id, UserSpec())
