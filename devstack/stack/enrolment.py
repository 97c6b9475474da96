"""Makes the app know the people and the bot of a stack, so that they can be called from the start.

The app gives somebody an identity with their first token, and without one nobody can call them.
"""

import asyncio
import json
from http import HTTPStatus

from joserfc.jwk import RSAKey

from devstack.issuer.sign_ins import user_token
from devstack.issuer.tokens import issuer_key
from devstack.issuer.users import STACK_USERS
from devstack.stack.plan import Plan
from devstack.stack.probes import status_of
from devstack.well_known import BOT_ID, BOT_NAME

# The user who registers the bots of the stack.
OPERATOR, OPERATE_BOTS = "operator", "Bots.Operate"
ENROLMENT_SECONDS = 30.0  # on a busy machine the first requests to the app are slow
KNOWN = (HTTPStatus.OK, HTTPStatus.CREATED)


class NotEnrolled(Exception):
    """The message names the request that failed, and how."""


async def enrol(plan: Plan, seconds: float = ENROLMENT_SECONDS) -> None:
    """Give each person and the bot an identity, unless they have one.

    Args:
        seconds: for all of it.

    Raises:
        NotEnrolled: the app did not do it, for example because of an exported setting.
    """
    app = _App(plan.ports["host"], plan.issuer, issuer_key(plan.folder.issuer_key))
    try:
        async with asyncio.timeout(seconds):
            for user in STACK_USERS:
                await _sign_in(app, user.id)
            await _register(app)
    except TimeoutError:
        raise NotEnrolled(f"the app takes longer than {seconds:g} s") from None
    except (OSError, ValueError, IndexError) as error:
        raise NotEnrolled(f"the app does not answer ({type(error).__name__})") from error


class _App:
    """A client of the stack's app, for one user."""

    def __init__(self, port: int, issuer: str, key: RSAKey) -> None:
        self._port = port
        self._issuer = issuer
        self._key = key

    async def ask(
        self, user: str, method: str, path: str, body: object = None, role: str | None = None
    ) -> int:
        roles = () if role is None else (role,)
        bearer = user_token(self._key, issuer=self._issuer, user_id=user, roles=roles)
        return await status_of(
            self._port,
            f"/api{path}",
            method=method,
            headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
            body=b"" if body is None else json.dumps(body).encode(),
        )


async def _sign_in(app: _App, user: str) -> None:
    status = await app.ask(user, "GET", "/token")
    if status not in KNOWN:
        raise NotEnrolled(f"{user}'s GET /api/token was answered {status}")


async def _register(app: _App) -> None:
    path = f"/bots/{BOT_ID}"
    # A bot that is there may have been given another name.
    method, status = "GET", await app.ask(OPERATOR, "GET", path)
    if status == HTTPStatus.NOT_FOUND:
        named = {"displayName": BOT_NAME}
        method, status = "PUT", await app.ask(OPERATOR, "PUT", path, named, OPERATE_BOTS)
    if status not in KNOWN:
        raise NotEnrolled(f"{method} /api{path} was answered {status}")
