"""python -m shared.operate.teams_phone grant | check | revoke: consent for Teams resource accounts.

A Teams resource account is a Teams account with a phone number that no person signs in to. ACS
calls as such an account, and reports calls to it, once the owner of the ACS resource has consented.
The command is for all accounts of TEAMS_RESOURCE_ACCOUNTS, or for those whose ids or names follow.
The doctor prints what the administrator of the Teams tenant has to do.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Sequence

from shared.identity.resource_accounts import SETTING, ResourceAccount
from shared.operate.sign_in import remedy_here
from shared.problems import AssignmentRefused, Problem
from shared.settings import Settings, load
from shared.settings_reader import SettingsError
from shared.teams_phone.acs import RESOURCE_ACCOUNT_WORDS, Assignments
from shared.unavailable import Refused
from shared.upstream.clients import Upstream

# For one account; a managed identity's first token may take a few seconds.
_SECONDS = 15.0

type Act = Callable[[Assignments, ResourceAccount], Awaitable[str]]


async def _grant(assignments: Assignments, account: ResourceAccount) -> str:
    is_new = await assignments.put_resource_account(account.tenant, account.id)
    return "granted" if is_new else "was granted already"


async def _check(assignments: Assignments, account: ResourceAccount) -> str:
    found = await assignments.find(account.tenant, account.id)
    if found is None:
        return _MISSING
    if found.principal_type not in RESOURCE_ACCOUNT_WORDS:
        return _OF_USER
    return "granted"


async def _revoke(assignments: Assignments, account: ResourceAccount) -> str:
    await assignments.remove(account.tenant, account.id)
    return "revoked"


_MISSING = "missing: run this with grant"
_OF_USER = "missing: this id is assigned as a user, so it is not a resource account"
_ACTS: dict[str, Act] = {"grant": _grant, "check": _check, "revoke": _revoke}
USAGE = f"usage: python -m shared.operate.teams_phone {' | '.join(_ACTS)} [id or name ...]"


async def run(settings: Settings, act: str, chosen: Sequence[str]) -> tuple[list[str], bool]:
    """Do one of `grant`, `check` and `revoke` for some accounts; all if none is chosen.

    Returns:
        A line for each account, and whether all is well.
    """
    accounts = settings.identity.resource_accounts
    unknown = [one for one in chosen if not any(_is_meant(account, one) for account in accounts)]
    if unknown or not accounts:
        return [f"{SETTING} has no account {one}" for one in unknown or ["at all"]], False
    lines, is_well = [], True
    upstream = Upstream()
    try:
        assignments = Assignments(settings.upstream, upstream)
        for account in accounts:
            if not chosen or any(_is_meant(account, one) for one in chosen):
                said, done = await _done(_ACTS[act], assignments, account)
                lines.append(f"{account.name or 'account'} {account.id}: {said}")
                is_well &= done
    finally:
        await upstream.close()
    return lines, is_well


async def _done(act: Act, assignments: Assignments, account: ResourceAccount) -> tuple[str, bool]:
    try:
        async with asyncio.timeout(_SECONDS):
            said = await act(assignments, account)
    except AssignmentRefused:
        return (
            "ACS does not take it: are id and tenant right, and is it tied to the resource?",
            False,
        )
    except Refused as refused:
        return f"{refused.title} -> {remedy_here(refused, os.environ)}", False
    except Problem as problem:
        return problem.title, False
    except TimeoutError:
        return f"no answer in {_SECONDS:.0f} s", False
    return said, said not in (_MISSING, _OF_USER)


def _is_meant(account: ResourceAccount, named: str) -> bool:
    return named.lower() == account.id or named == account.name


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in _ACTS:
        print(USAGE, file=sys.stderr)
        return 2
    logging.disable()  # what is printed says the same
    try:
        settings = load(os.environ)
    except SettingsError as error:
        for name, fault in error.faults.items():
            print(f"{name} {fault}", file=sys.stderr)
        return 1
    lines, is_well = asyncio.run(run(settings, arguments[0], arguments[1:]))
    for line in lines:
        print(line)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
