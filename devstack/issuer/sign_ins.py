"""The tokens that a person, an app and a Teams user get when they sign in."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from joserfc.jwk import RSAKey

from devstack.issuer.audiences import API_AUDIENCE, API_SCOPE, TEAMS_AUDIENCE
from devstack.issuer.claims import name_in
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, mint
from devstack.issuer.users import object_id, stack_user
from devstack.well_known import TEAMS_APP_ID, TENANT_ID

# What the sign-in of devstack/README.md asks for, and so what is granted.
USER_SCOPE = f"openid profile offline_access {API_SCOPE}"

# The last one is for agents: people who take calls of a resource account.
TEAMS_SCOPES = "Teams.ManageCalls Teams.ManageChats TeamsExtension.ManageCalls"


def user_token(
    key: RSAKey,
    *,
    issuer: str,
    user_id: str,
    roles: Sequence[str],
    claims: Mapping[str, object] | None = None,
) -> str:
    """The token that a user gets at the login page.

    Args:
        claims: what the running issuer knows of the user; None: that is not known.
    """
    user = stack_user(user_id)
    name = user.display_name if user else None
    return mint(
        key,
        issuer=issuer,
        subject=user_id,
        audience=API_AUDIENCE,
        lifetime=ACCESS_TOKEN_LIFETIME,
        name=name if claims is None else name_in(claims),
        roles=roles,
        scope=USER_SCOPE,
    )


def app_token(key: RSAKey, *, issuer: str, app: str, roles: Sequence[str]) -> str:
    """The token that an app gets by the client credentials grant.

    It has no name and no scope, and its subject is the client (RFC 9068, section 2.2). Issuers
    name the client in `azp` or in `client_id`; here both are set.
    """
    return mint(
        key,
        issuer=issuer,
        subject=app,
        audience=API_AUDIENCE,
        lifetime=ACCESS_TOKEN_LIFETIME,
        roles=roles,
        azp=app,
        client_id=app,
    )


def teams_token(key: RSAKey, *, issuer: str, user_id: str, lifetime: timedelta) -> str:
    """The token that ACS exchanges for a calling token of a Teams user.

    It has the claims of Entra's tokens, but the stack's issuer, the only one that the emulator
    trusts.
    """
    user = stack_user(user_id)
    return mint(
        key,
        issuer=issuer,
        subject=user_id,
        audience=TEAMS_AUDIENCE,
        lifetime=lifetime,
        name=user.display_name if user else None,
        appid=TEAMS_APP_ID,
        oid=object_id(user_id),
        tid=TENANT_ID,
        scp=TEAMS_SCOPES,
    )
