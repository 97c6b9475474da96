"""The emulator exchanges a Teams user's token: the checks, their order and their texts."""

import time
import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.devstack.acs_emulator.acs_fixtures import AcsCaller, acs, emulator, issuer
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["acs", "emulator", "issuer"]

PATH = "/teamsUser/:exchangeAccessToken"
INVALID_TOKEN = (401, "InvalidAccessToken", "Provided access token is not valid.", None)
APP_ID = str(uuid.uuid4())
USER_ID = str(uuid.uuid4())


@pytest.mark.parametrize("app_claim", ["appid", "azp"])
async def test_a_teams_token_becomes_one_that_ends_with_it(
    acs: AcsCaller, issuer: TokenIssuer, app_claim: str
) -> None:
    exp = int(time.time()) + 1234
    app: dict[str, Any] = {app_claim: APP_ID}
    teams_token = issuer.token(**app, oid=USER_ID, exp=exp, aud="anything")

    answer = await acs.call(
        "POST", PATH, {"token": teams_token, "appId": APP_ID, "userId": USER_ID}
    )

    assert answer.status == 200
    claims = (await acs.inspect("POST", "introspect", {"token": answer.json["token"]})).json
    assert claims["active"]
    assert claims["skypeid"] == f"orgid:{USER_ID}"
    assert claims["exp"] == exp
    assert datetime.fromisoformat(answer.json["expiresOn"]).timestamp() == exp


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"token": ""}, INVALID_TOKEN),
        ({"token": None}, INVALID_TOKEN),
        ({"token": "garbage"}, INVALID_TOKEN),
        ({"token": "\ud800"}, INVALID_TOKEN),
        ({"token": "", "userId": ""}, INVALID_TOKEN),  # the token is judged first
        (
            {"appId": ""},
            (400, "ValidationError", "AppId: The AppId field is required.", "AppId"),
        ),
        (
            {"appId": USER_ID},
            (400, "ValidationError", "AAD application is not the expected one.", "appId"),
        ),
        (
            {"userId": ""},
            (400, "ValidationError", "Provided UserId has invalid format.", "userId"),
        ),
        (
            {"userId": "alice"},
            (400, "ValidationError", "Provided UserId has invalid format.", "userId"),
        ),
        (
            {"userId": APP_ID},
            (
                400,
                "ValidationError",
                "Provided AAD token issued for unexpected user.",
                "userId",
            ),
        ),
    ],
)
async def test_what_does_not_fit_is_refused_in_the_recorded_words(
    acs: AcsCaller,
    issuer: TokenIssuer,
    changed: dict[str, Any],
    error: tuple[object, ...],
) -> None:
    good = {
        "token": issuer.token(appid=APP_ID, oid=USER_ID),
        "appId": APP_ID,
        "userId": USER_ID,
    }

    answer = await acs.call("POST", PATH, good | changed)

    assert answer.error == error


@pytest.mark.parametrize("claims", [{"exp": 1}, {"exp": None}, {"iss": "http://elsewhere"}])
async def test_tokens_that_are_not_good_any_more_or_never_were(
    acs: AcsCaller, issuer: TokenIssuer, claims: dict[str, Any]
) -> None:
    teams_token = issuer.token(appid=APP_ID, oid=USER_ID, **claims)

    answer = await acs.call(
        "POST", PATH, {"token": teams_token, "appId": APP_ID, "userId": USER_ID}
    )

    assert answer.error == INVALID_TOKEN
