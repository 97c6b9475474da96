"""User access tokens: JWTs that are signed like those of ACS."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from devstack.acs_emulator.identity.store import TokenRecord
from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.acs_emulator.wire.times import dotnet_time


@dataclass(frozen=True, kw_only=True)
class IssuedToken:
    """A new token, when it expires (in the format of the service), and what is stored of it."""

    token: str
    expires_on: str
    record: TokenRecord


class TokenMint:
    """Issues the access tokens of one resource."""

    def __init__(self, key: SigningKey, resource_id: str) -> None:
        self._key = key
        self._resource_id = resource_id

    def issue(self, identity: str, scopes: list[str], minutes: int) -> IssuedToken:
        """A token for an identity of the resource that is valid for so many minutes from now."""
        return self._mint(identity, scopes, time.time_ns() + minutes * 60 * 10**9)

    def issue_for_teams(
        self, identity: str, scopes: list[str], exp: int, tenant: object
    ) -> IssuedToken:
        """A token of a Teams user that expires at `exp`, in seconds since 1970.

        Args:
            tenant: the `tid` of the token that is exchanged. By the claim of the same name,
                Microsoft's client for JavaScript knows Teams users: without it, it makes no
                TeamsCallAgent (communication-calling 2.0.0).
        """
        more = {"tid": tenant} if isinstance(tenant, str) else {}
        return self._mint(identity, scopes, exp * 10**9, more)

    def _mint(
        self,
        identity: str,
        scopes: list[str],
        expires_ns: int,
        more_claims: Mapping[str, str] = MappingProxyType({}),
    ) -> IssuedToken:
        # No claim may contain `>`, `?` or `~`: with them the base64url payload can contain `-` or
        # `_`, and Microsoft's Python token credential decodes it with the standard alphabet.
        record = TokenRecord(
            jti=uuid.uuid4().hex,  # makes tokens of one second with equal claims differ
            identity=identity,
            iat=int(time.time()),
            exp=expires_ns // 10**9,
            scopes=",".join(scopes),
        )
        claims = {
            "skypeid": identity.removeprefix("8:"),
            "scp": 1792,
            "csi": str(record.iat),
            "exp": record.exp,
            "iat": record.iat,
            "rgn": "amer",
            "acsScope": record.scopes,
            "resourceId": self._resource_id,
            "resourceLocation": "unitedstates",
            "jti": record.jti,
            **more_claims,
        }
        return IssuedToken(
            token=self._key.sign(claims),
            expires_on=dotnet_time(expires_ns, "+00:00"),
            record=record,
        )
