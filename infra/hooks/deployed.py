"""Steps after the deployment: subscribe the app to Event Grid, and check that it works."""

import json
from http import HTTPStatus
from typing import Any

import aiohttp

from infra.hooks.rest import HookError, Pause, Rest, Shape, checked

# Azure Resource Manager's version of Microsoft.EventGrid.
_VERSION = {"api-version": "2025-02-15"}
# A new role may take some minutes to apply, and a new app some to start.
_READY_TRIES = 30
_READY_PAUSE = 20.0
# Wrong settings do not heal. The first such answers may be of an instance that Azure is about to
# stop, and has the settings or the code of before.
_MISCONFIGURED_TRIES = 3
_STATE_TRIES = 60
_STATE_PAUSE = 5.0
_SECONDS = 30.0
# Bytes of an answer that are read, and characters that are shown to the operator.
_READ = 10_000
_SHOWN = 300

# The events that Event Grid delivers, by the subscription's name. The event of a ringing call is
# useless after a minute; that of a recording is useful for a day.
SUBSCRIPTIONS = {
    "incoming-calls": ("Microsoft.Communication.IncomingCall", 1),
    "recordings": ("Microsoft.Communication.RecordingFileStatusUpdated", 1440),
}


def subscription(app_url: str, key: str, event: str, minutes: int) -> dict[str, Any]:
    """The body of a subscription.

    Args:
        key: the secret by which Event Grid proves itself; it is marked as secret, so that it is
            never shown.
        minutes: how long Event Grid tries to deliver an event.
    """
    return {
        "properties": {
            "destination": {
                "endpointType": "WebHook",
                "properties": {
                    "endpointUrl": f"{app_url}/api/incomingCalls",
                    "deliveryAttributeMappings": [
                        {
                            "name": "X-Event-Grid-Key",
                            "type": "Static",
                            "properties": {"value": key, "isSecret": True},
                        }
                    ],
                },
            },
            "filter": {"includedEventTypes": [event]},
            "eventDeliverySchema": "EventGridSchema",
            "retryPolicy": {"eventTimeToLiveInMinutes": minutes, "maxDeliveryAttempts": 30},
        }
    }


async def subscribe(arm: Rest, communication_id: str, app_url: str, keys: str) -> None:
    """Create or update the subscriptions. Event Grid asks the app for its handshake meanwhile, so
    the app has to be there.

    Args:
        keys: the setting EVENT_GRID_KEY; the first of them is used.

    Raises:
        HookError: Azure refuses, or the app has not answered the handshake.
    """
    key = keys.partition(",")[0].strip()
    for name, (event, minutes) in SUBSCRIPTIONS.items():
        path = f"{communication_id}/providers/Microsoft.EventGrid/eventSubscriptions/{name}"
        body = subscription(app_url, key, event, minutes)
        _, content = await arm.ask("PUT", path, body, query=_VERSION)
        for _ in range(_STATE_TRIES):
            state = _state(content, name)
            if state in ("Succeeded", "Failed", "Canceled"):
                break
            await arm.pause(_STATE_PAUSE)
            _, content = await arm.ask("GET", path, query=_VERSION)
        if state != "Succeeded":
            raise HookError(
                f"the subscription {name} is {state}: the app did not answer, see its log"
            )


def _state(content: Any, name: str) -> str:
    shape: Shape = {"properties": {"provisioningState?": str}}
    answer = checked(content, shape, f"the answer about the subscription {name}")
    return str(answer["properties"].get("provisioningState") or "Succeeded")


async def wait_until_ready(session: aiohttp.ClientSession, app_url: str, pause: Pause) -> None:
    """
    Raises:
        HookError: the app does not become ready; it names what is down.
    """
    said, misconfigured = "", 0
    for number in range(_READY_TRIES):
        if number:
            print(f"The app is not ready yet: {said}", flush=True)
            await pause(_READY_PAUSE)
        status, text = await _get(session, f"{app_url}/api/health/ready")
        if status == HTTPStatus.OK:
            return
        said = f"{status or 'no answer:'} {_shown(text)}"
        misconfigured = misconfigured + 1 if _is_misconfigured(status, text) else 0
        if misconfigured == _MISCONFIGURED_TRIES:
            break
    raise HookError(f"{app_url}/api/health/ready: {said}; the app's log says why")


def _is_misconfigured(status: int, text: str) -> bool:
    """Are settings wrong that stay wrong? EVENT_GRID_KEY is a reference to the vault, which may be
    read only some minutes after the app has got its role there."""
    is_wrong = status == HTTPStatus.INTERNAL_SERVER_ERROR and ":misconfigured" in text
    return is_wrong and "EVENT_GRID_KEY" not in text


def _shown(text: str) -> str:
    """The `detail` of a problem, else the beginning of the text; on one line, and without what a
    terminal would obey."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    detail = content.get("detail") if isinstance(content, dict) else None
    shown = (detail if isinstance(detail, str) else text)[:_SHOWN]
    return "".join(one if one.isprintable() else " " for one in shown)


async def check_that_strangers_are_refused(session: aiohttp.ClientSession, app_url: str) -> None:
    """
    Raises:
        HookError: a request without a token was not answered 401.
    """
    status, _ = await _get(session, f"{app_url}/api/user")
    if status != HTTPStatus.UNAUTHORIZED:
        raise HookError(f"{app_url}/api/user answers {status} without a token, and not 401")


async def _get(session: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    """Status and the beginning of the text; 0 and the kind of failure if nobody answers."""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    try:
        async with session.get(url, timeout=timeout, allow_redirects=False) as answer:
            text = (await answer.content.read(_READ)).decode("utf-8", "replace")
            return answer.status, text
    except (aiohttp.ClientError, TimeoutError) as error:
        return 0, type(error).__name__
