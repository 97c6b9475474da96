"""What somebody holds who has signed in with the stack's issuer: a person, an app, a Teams user."""

from collections.abc import Sequence
from datetime import timedelta

from joserfc.jwk import RSAKey

from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME, API_AUDIENCE, mint
from devstack.issuer.users import object_id, stack_user
from devstack.well_known import TEAMS_APP_ID, TENANT_ID

# What a login grants (the mock knows no other scopes), so what a minted user token says too.
USER_SCOPE = "openid profile email"

# What a client asks Entra for when its user is to act as a Teams user.
TEAMS_AUDIENCE = "https://auth.msft.communication.azure.com"
TEAMS_SCOPES = "Teams.ManageCalls Teams.ManageChats"


def user_token(key: RSAKey, *, issuer: str, user_id: str, roles: Sequence[str]) -> str:
    """What the login page gives."""
    user = stack_user(user_id)
    return mint(
        key,
        issuer=issuer,
        subject=user_id,
        audience=API_AUDIENCE,
        lifetime=ACCESS_TOKEN_LIFETIME,
        name=user.display_name if user else None,
        roles=roles,
        scope=USER_SCOPE,
    )


def app_token(key: RSAKey, *, issuer: str, app: str, roles: Sequence[str]) -> str:
    """What the client credentials grant gives: nobody's name, no scope, and the client is the
    subject (RFC 9068, section 2.2). Both ways to spell the client are in use."""
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
    """What ACS exchanges for a Teams user's calling token: of Entra's shape, but of the stack's
    issuer, the only one that the emulator trusts."""
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
