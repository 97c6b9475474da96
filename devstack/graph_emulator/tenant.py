"""The emulated tenant: who is in it, what an admin has allowed, how its meetings look."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from devstack.issuer.users import STACK_USERS

_GUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

JoinWebUrls = Literal["long", "short"]


class _Spec(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)


class UserSpec(_Spec):
    """What is to be different about one user. Naming one puts them into the tenant.

    Args:
        policy: whether an application access policy lets apps act for them; None: as for all.
        licensed: whether they may use Teams.
    """

    policy: bool | None = None
    licensed: bool = True


class TenantSpec(_Spec):
    """The body of `PUT /_emulator/tenant`; the defaults are the tenant as it starts.

    Args:
        policy: whether a policy for everybody lets apps act for users. One's own goes before it.
        users: by object id, in lower case.
        join_web_urls: new meetings get the long URLs, or `/meet/` ones.
        passcodes: new meetings have passcodes, unless their creator says otherwise.
        audio_conferencing: new meetings can be dialled into.
    """

    policy: bool = True
    users: dict[Annotated[str, Field(pattern=_GUID)], UserSpec] = Field(default_factory=dict)
    join_web_urls: JoinWebUrls = "long"
    passcodes: bool = True
    audio_conferencing: bool = False


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a new meeting looks.

    Args:
        passcode: whether one is needed to join by id. None: it has no id to join by, as meetings
            from before there were such ids. Their URLs are always long.
    """

    join_web_urls: JoinWebUrls
    passcode: bool | None
    audio_conferencing: bool


@dataclass(frozen=True)
class TenantUser:
    object_id: str
    upn: str


class Tenant:
    """Changed by inspection only, and as it was after a restart."""

    def __init__(self) -> None:
        self.spec = TenantSpec()

    def user(self, object_id: str) -> TenantUser | None:
        """Whom the id means. Nobody has a user principal name for an id: Graph wants ids here."""
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

    def look(self, passcode: bool | None = None) -> Look:
        """That of meetings made now; `passcode` is what their creator wants, if anything."""
        return Look(
            join_web_urls=self.spec.join_web_urls,
            passcode=self.spec.passcodes if passcode is None else passcode,
            audio_conferencing=self.spec.audio_conferencing,
        )

    def _spec_of(self, user: TenantUser) -> UserSpec:
        return self.spec.users.get(user.object_id, UserSpec())
