"""python3 dev.py hook NAME: what azd runs around its own steps.

Values come from the azd environment, which azd puts into this process' environment; what a hook
finds out is kept there with `azd env set`.
"""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime

import aiohttp
import jwt

from infra.hooks import deployed, registration
from infra.hooks.rest import GetToken, HookError, Rest

GRAPH = "https://graph.microsoft.com"
ARM = "https://management.azure.com"
# Bytes of the key by which Event Grid proves itself.
_KEY_BYTES = 48
_TABLES_TRIES = 6
_TABLES_PAUSE = 20.0

type Keep = Callable[[str, str], None]


def needed(values: Mapping[str, str], name: str) -> str:
    """
    Raises:
        HookError: it is not set, so that azd has not come so far.
    """
    value = values.get(name, "").strip()
    if not value:
        raise HookError(f"{name} is not set in the azd environment")
    return value


def environment_of(values: Mapping[str, str]) -> str:
    """Names the azd environment in the tenant: two people may both have one called dev."""
    return f"{needed(values, 'AZURE_SUBSCRIPTION_ID')}:{needed(values, 'AZURE_ENV_NAME')}"


def is_somebody_elses(values: Mapping[str, str]) -> bool:
    """Did the operator give a client id of their own? Then no hook touches that registration."""
    return bool(values.get("AUTH_CLIENT_ID")) and not values.get("ENTRA_APP_OBJECT_ID")


async def preprovision(
    graph: Rest, values: Mapping[str, str], keep: Keep, today: Callable[[], datetime]
) -> None:
    if is_somebody_elses(values):
        print(f"Entra: the registration {values['AUTH_CLIENT_ID']} is used as it is")
    else:
        object_id, client_id = await registration.register(graph, environment_of(values))
        keep("ENTRA_APP_OBJECT_ID", object_id)
        keep("AUTH_CLIENT_ID", client_id)
        print(f"Entra: the registration {client_id} is up to date")
    if not values.get("AUTH_TENANT_ID"):
        keep("AUTH_TENANT_ID", values.get("AZURE_TENANT_ID") or await tenant_of(graph.token))
    if not values.get("EVENT_GRID_KEY"):
        keep("EVENT_GRID_KEY", secrets.token_urlsafe(_KEY_BYTES))
    if not values.get("BUDGET_START"):
        keep("BUDGET_START", f"{today():%Y-%m-01}")


async def postprovision(
    graph: Rest, values: Mapping[str, str], make_tables: Callable[[], Awaitable[int]]
) -> None:
    address = f"{needed(values, 'PAGE_URL')}/"  # as the page sends it: to the letter
    if is_somebody_elses(values):
        print(f"Entra: add {address} to the redirect addresses of your registration (spa)")
    elif not await registration.add_redirect(graph, environment_of(values), address):
        raise HookError("the registration is gone: run azd provision again")
    for number in range(_TABLES_TRIES):  # a new role may take some minutes to apply
        if number:
            await graph.pause(_TABLES_PAUSE)
        if await make_tables() == 0:
            return
    raise HookError("the tables could not be made; what is wrong stands above")


async def postdeploy(arm: Rest, session: aiohttp.ClientSession, values: Mapping[str, str]) -> None:
    app = needed(values, "APP_URL")
    await deployed.wait_until_ready(session, app, arm.pause)
    await deployed.check_that_strangers_are_refused(session, app)
    communication, key = needed(values, "COMMUNICATION_ARM_ID"), needed(values, "EVENT_GRID_KEY")
    await deployed.subscribe(arm, communication, app, key)
    print(f"{app} is ready, refuses strangers, and is told of calls and recordings")


async def postdown(graph: Rest, values: Mapping[str, str]) -> None:
    if is_somebody_elses(values):
        print(f"Entra: the registration {values['AUTH_CLIENT_ID']} is yours, and is left")
    elif await registration.unregister(graph, environment_of(values)):
        print("Entra: the registration is deleted; an administrator can restore it for 30 days")


async def tenant_of(token: GetToken) -> str:
    """The tenant of whoever is signed in. The token is our own, so that nothing is verified."""
    claims = jwt.decode(await token(), options={"verify_signature": False})
    return str(claims["tid"])


def _keep(name: str, value: str) -> None:
    done = subprocess.run(["azd", "env", "set", name, value], check=False)  # noqa: S607
    if done.returncode != 0:
        raise HookError(f"azd env set {name} failed")


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
                await preprovision(api(GRAPH), os.environ, _keep, lambda: datetime.now(UTC))
            case "postprovision":
                await postprovision(api(GRAPH), os.environ, _make_tables)
            case "postdeploy":
                await postdeploy(api(ARM), session, os.environ)
            case "postdown":
                await postdown(api(GRAPH), os.environ)


def main(name: str) -> int:
    from azure.core.exceptions import ClientAuthenticationError

    try:
        asyncio.run(_run(name))
    except HookError as reason:
        print(f"{name}: {reason}", file=sys.stderr)
        return 1
    except ClientAuthenticationError:
        print(f"{name}: nobody is signed in: azd auth login", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
