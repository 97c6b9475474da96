"""python3 dev.py hook NAME: what azd runs around its own steps.

Values come from the azd environment, which azd puts into this process's environment. A hook keeps
its results there with `azd env set`. Exit code 1: it could not go on, and says why.
"""

import asyncio
import os
import re
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import jwt
from yarl import URL

from infra.hooks import azure_state, deployed, registration
from infra.hooks.rest import GetToken, HookError, Rest

GRAPH = "https://graph.microsoft.com"
ARM = "https://management.azure.com"
# Bytes of the key by which Event Grid proves itself.
_KEY_BYTES = 48
_TABLES_TRIES = 6
_TABLES_PAUSE = 20.0
# The prefix of the folder that holds a value for azd: the operator finds the folder by it if it is
# left.
FOLDER_PREFIX = "trusted-service-hook-"
# The characters that a line of an azd environment holds unchanged between two apostrophes.
_PLAIN = re.compile(r"[^'\x00-\x1f\x7f]*")
_ENVIRONMENT = "AZURE_ENV_NAME"
_HOOKS = ("preprovision", "postprovision", "postdeploy", "postdown")

type Keep = Callable[[str, str], None]


def needed(values: Mapping[str, str], name: str) -> str:
    """
    Raises:
        HookError: it is not set, because azd has not come so far.
    """
    value = values.get(name, "").strip()
    if not value:
        # A key is made, and not typed: everybody on a machine sees the arguments of a program.
        way = "azd up makes it" if name == "EVENT_GRID_KEY" else f"azd up, or azd env set {name}"
        raise HookError(f"{name} is not set in the azd environment: {way}")
    return value


def address(values: Mapping[str, str], name: str) -> str:
    """A URL without a slash at its end.

    Raises:
        HookError: it is not set, or is none.
    """
    value = needed(values, name).rstrip("/")
    try:
        url = URL(value)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise HookError(f"{name} in the azd environment is no URL")
    return value


def environment_of(values: Mapping[str, str]) -> str:
    """Names the azd environment in the tenant: two people may both have one called dev."""
    return f"{needed(values, 'AZURE_SUBSCRIPTION_ID')}:{needed(values, _ENVIRONMENT)}"


def is_somebody_elses(values: Mapping[str, str]) -> bool:
    """Did the operator give a client id of their own? Then no hook touches that registration."""
    return bool(values.get("AUTH_CLIENT_ID")) and not values.get("ENTRA_APP_OBJECT_ID")


async def preprovision(
    graph: Rest, arm: Rest, values: Mapping[str, str], keep: Keep, today: Callable[[], datetime]
) -> None:
    subscription, name = needed(values, "AZURE_SUBSCRIPTION_ID"), needed(values, _ENVIRONMENT)
    is_new = not values.get("EVENT_GRID_KEY")
    if is_new and await azure_state.is_group_there(arm, subscription, name):
        raise HookError(
            f"Azure has rg-{name} already, and this azd environment does not know its values: going"
            " on would undo its settings. docs/deploy.md, Another machine, says how to get them"
        )
    if is_somebody_elses(values):
        print(f"Entra: the registration {values['AUTH_CLIENT_ID']} is used as it is")
    else:
        object_id, client_id = await registration.register(graph, environment_of(values))
        keep("ENTRA_APP_OBJECT_ID", object_id)
        keep("AUTH_CLIENT_ID", client_id)
        print(f"Entra: the registration {client_id} is up to date")
    if not values.get("AUTH_TENANT_ID"):
        keep("AUTH_TENANT_ID", values.get("AZURE_TENANT_ID") or await tenant_of(graph.token))
    if is_new:
        keep("EVENT_GRID_KEY", secrets.token_urlsafe(_KEY_BYTES))
    if values.get("BUDGET_EMAIL", "").strip():
        keep("BUDGET_START", await azure_state.budget_start(arm, subscription, name, today()))


async def postprovision(
    graph: Rest, values: Mapping[str, str], make_tables: Callable[[], Awaitable[int]]
) -> None:
    page = f"{address(values, 'PAGE_URL')}/"  # as the page sends it: to the letter
    if is_somebody_elses(values):
        print(f"Entra: add {page} to the redirect addresses of your registration (spa)")
    elif not await registration.add_redirect(graph, environment_of(values), page):
        raise HookError("the registration is gone: run azd provision again")
    for number in range(_TABLES_TRIES):  # a new role may take some minutes to apply
        if number:
            await graph.pause(_TABLES_PAUSE)
        if await make_tables() == 0:
            return
    raise HookError("the tables could not be made; what is wrong stands above")


async def postdeploy(arm: Rest, session: aiohttp.ClientSession, values: Mapping[str, str]) -> None:
    app = address(values, "APP_URL")
    communication, key = needed(values, "COMMUNICATION_ARM_ID"), needed(values, "EVENT_GRID_KEY")
    if not communication.startswith("/subscriptions/"):  # it follows ARM's host in a URL
        raise HookError("COMMUNICATION_ARM_ID in the azd environment is no id of a resource")
    await deployed.wait_until_ready(session, app, arm.pause)
    await deployed.check_that_strangers_are_refused(session, app)
    await azure_state.register_event_grid(arm, communication.split("/")[2])
    await deployed.subscribe(arm, communication, app, key)
    print(f"{app} is ready, refuses requests without a token, and gets Event Grid's events")


async def postdown(graph: Rest, values: Mapping[str, str]) -> None:
    if is_somebody_elses(values):
        print(f"Entra: the registration {values['AUTH_CLIENT_ID']} is yours, and is left")
    elif await registration.unregister(graph, environment_of(values)):
        print("Entra: the registration is deleted; an administrator can restore it for 30 days")


async def tenant_of(token: GetToken) -> str:
    """The tenant of the person who is signed in. The token is our own, so it is not verified.

    Raises:
        HookError: the token names none.
    """
    try:
        claims = jwt.decode(await token(), options={"verify_signature": False})
    except jwt.InvalidTokenError:
        claims = {}
    if not isinstance(tenant := claims.get("tid"), str):
        raise HookError("the token of azd names no tenant: azd env set AZURE_TENANT_ID …")
    return tenant


def keep(name: str, value: str) -> None:
    """Keep a value in the azd environment. It is handed over in a file that nobody else may read,
    because everybody on this machine sees the arguments of a process. A kill in between leaves the
    file, in a folder with a fixed prefix (docs/deploy.md).

    Raises:
        HookError: azd does not take it.
    """
    if not _PLAIN.fullmatch(value):
        raise HookError(f"{name} has characters that azd would not keep as they are")
    with tempfile.TemporaryDirectory(prefix=FOLDER_PREFIX) as folder:  # of mode 700
        file = Path(folder) / "values.env"
        file.touch(0o600)
        file.write_text(f"{name}='{value}'\n", "utf-8")
        try:
            done = subprocess.run(["azd", "env", "set", "--file", file], check=False)  # noqa: S607
        except OSError as error:
            raise HookError(f"azd cannot be started: {error.strerror}") from error
    if done.returncode != 0:
        raise HookError(f"azd env set failed for {name}")


async def _make_tables() -> int:
    environment = {**os.environ, "AZURE_TOKEN_CREDENTIALS": "AzureDeveloperCliCredential"}
    command = [sys.executable, "-m", "shared.operate.provision"]
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    return await process.wait()


async def _run(name: str) -> None:
    from azure.identity.aio import AzureDeveloperCliCredential

    async with aiohttp.ClientSession() as session, AzureDeveloperCliCredential() as credential:

        def api(base: str) -> Rest:
            async def token() -> str:
                return str((await credential.get_token(f"{base}/.default")).token)

            return Rest(session, base, token)

        match name:
            case "preprovision":
                graph, arm = api(GRAPH), api(ARM)
                await preprovision(graph, arm, os.environ, keep, lambda: datetime.now(UTC))
            case "postprovision":
                await postprovision(api(GRAPH), os.environ, _make_tables)
            case "postdeploy":
                await postdeploy(api(ARM), session, os.environ)
            case "postdown":
                await postdown(api(GRAPH), os.environ)


def ended(name: str, work: Coroutine[None, None, None]) -> int:
    """The exit code of a hook, which says in words why it cannot go on."""
    from azure.core.exceptions import ClientAuthenticationError

    try:
        asyncio.run(work)
    except HookError as reason:
        print(f"{name}: {reason}", file=sys.stderr)
        return 1
    except ClientAuthenticationError:
        print(f"{name}: azd gives no token: azd auth login", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in _HOOKS:
        print(f"python -m infra.hooks NAME: one of {', '.join(_HOOKS)}", file=sys.stderr)
        return 2
    return ended(arguments[0], _run(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
