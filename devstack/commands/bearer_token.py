"""`dev.py token`: the token that a sign-in at the stack's issuer gives, without the sign-in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from joserfc.jwk import RSAKey

from devstack.issuer.claims import ask_for_claims, roles_in
from devstack.issuer.sign_ins import app_token, teams_token, user_token
from devstack.issuer.tokens import ACCESS_TOKEN_LIFETIME
from devstack.issuer.users import STACK_USERS, stack_user
from devstack.stack.state_folder import StackError

# The app's own limit. A longer id gets a token too, so that people can see how the app refuses it.
MAX_USER_ID_LENGTH = 256


@dataclass(frozen=True, kw_only=True)
class WantedToken:
    """
    Args:
        user: of a person, or of an app that signs in as itself.
        kind: "user", "app" or "teams".
        roles: in addition to those that the issuer has.
    """

    user: str
    kind: str
    roles: Sequence[str]


def bearer_token(
    wanted: WantedToken, key: RSAKey, issuer: str, report: Callable[[str], None]
) -> str:
    """
    Args:
        report: called with what people should know of the token.

    Raises:
        StackError: the issuer does not say what it knows of the user.
    """
    user = wanted.user
    if stack_user(user) is None and wanted.kind != "app":
        known = ", ".join(one.id for one in STACK_USERS)
        report(f"note: {user!r} is not one of the test users ({known})")
    if len(user) > MAX_USER_ID_LENGTH:
        report(f"note: the app refuses ids of more than {MAX_USER_ID_LENGTH} characters")
    if wanted.kind == "teams":
        return teams_token(key, issuer=issuer, user_id=user, lifetime=ACCESS_TOKEN_LIFETIME)
    try:
        claims = ask_for_claims(issuer, user)
    except OSError as error:
        # A token without the name and roles that were set there is not what a sign-in gives.
        raise StackError(f"the issuer ({issuer}) does not answer: {error}") from error
    roles = list(dict.fromkeys([*roles_in(claims), *wanted.roles]))
    if wanted.kind == "app":
        return app_token(key, issuer=issuer, app=user, roles=roles)
    return user_token(key, issuer=issuer, user_id=user, roles=roles, claims=claims)
