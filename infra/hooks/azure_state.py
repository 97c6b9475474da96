"""What Azure has already, which a hook asks before it chooses or makes anything."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any

from infra.hooks.rest import HookError, Rest, Shape, checked

_BUDGETS = {"api-version": "2023-11-01"}
_PROVIDERS = {"api-version": "2021-04-01"}
_SUBSCRIPTIONS = "/subscriptions"
# infra/main.bicep names them so; the 13 characters are of its uniqueString.
_GROUP = "rg-{}"
_BUDGET = re.compile(r"budget-[a-z0-9]{13}")
_MONTH = re.compile(r"\d{4}-\d{2}-\d{2}")
# There is no such group, or nothing has used budgets in this subscription.
_NONE_YET = frozenset((HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))
EVENT_GRID = "Microsoft.EventGrid"
# Microsoft says that it takes some minutes.
_REGISTERED_TRIES = 60
_REGISTERED_PAUSE = 10.0


async def is_group_there(arm: Rest, subscription: str, environment: str) -> bool:
    """Does Azure have the resources of an azd environment of this name?"""
    path = f"{_SUBSCRIPTIONS}/{subscription}/resourceGroups/{_GROUP.format(environment)}"
    none = frozenset((HTTPStatus.NOT_FOUND,))
    status, _ = await arm.ask("GET", path, query=_PROVIDERS, also=none)
    return status not in none


async def budget_start(arm: Rest, subscription: str, environment: str, today: datetime) -> str:
    """The first day of the budget, yyyy-MM-dd: of the one that there is, because it cannot be
    changed; else of this month, because Azure refuses a new budget that begins earlier.

    Raises:
        HookError: Azure refuses, or does not answer as it should.
    """
    group = f"{_SUBSCRIPTIONS}/{subscription}/resourceGroups/{_GROUP.format(environment)}"
    path = f"{group}/providers/Microsoft.Consumption/budgets"
    status, content = await arm.ask("GET", path, query=_BUDGETS, also=_NONE_YET)
    if status not in _NONE_YET:
        what = "the answer with the budgets"
        budgets: list[dict[str, Any]] = checked(content, {"value": [_NAMED]}, what)["value"]
        for budget in budgets:
            if _BUDGET.fullmatch(budget["name"]):
                checked(budget, _STARTED, what)
                start = _MONTH.match(budget["properties"]["timePeriod"]["startDate"])
                if start is None:
                    raise HookError(f"startDate of {what} is no date")
                return start.group()
    return f"{today:%Y-%m-01}"


_NAMED: Shape = {"name": str}
_STARTED: Shape = {"properties": {"timePeriod": {"startDate": str}}}


async def register_event_grid(arm: Rest, subscription: str) -> None:
    """See that the subscription may use Event Grid. No file of infra/ uses it, so that Azure does
    not register it by itself.

    Raises:
        HookError: the person who deploys may not register it, or it takes too long.
    """
    path = f"{_SUBSCRIPTIONS}/{subscription}/providers/{EVENT_GRID}"
    by_hand = f"az provider register --namespace {EVENT_GRID} --wait"
    for number in range(_REGISTERED_TRIES):
        _, content = await arm.ask("GET", path, query=_PROVIDERS)
        shape: Shape = {"registrationState": str}
        state = checked(content, shape, f"the answer about {EVENT_GRID}")["registrationState"]
        if state == "Registered":
            return
        if number == 0:
            print(f"{EVENT_GRID} is not registered in this subscription: registering it")
        if state != "Registering":
            refused = frozenset((HTTPStatus.FORBIDDEN,))
            status, _ = await arm.ask("POST", f"{path}/register", query=_PROVIDERS, also=refused)
            if status in refused:
                raise HookError(
                    f"{EVENT_GRID} is not registered in this subscription, and you may not register"
                    f" it: an owner of the subscription runs {by_hand}, and then you azd deploy"
                )
        await arm.pause(_REGISTERED_PAUSE)
    raise HookError(f"{EVENT_GRID} is still not registered: {by_hand}, and then azd deploy")
