"""The emulator's Identity API on the wire: what it does, and what it refuses to the letter."""

import base64
import json
import re
import time
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from devstack.well_known import ACS_RESOURCE_ID
from tests.devstack.acs_emulator.acs_fixtures import AcsCaller, acs, emulator, issuer
from tests.devstack.emulator_fixtures import TokenIssuer

__all__ = ["acs", "emulator", "issuer"]

ELSEWHERE = f"8:acs:{uuid.uuid4()}_{uuid.uuid4()}"
NOT_OWNED = (401, "IdentityNotOwned", "Provided identity doesn't belong to the resource.", None)


def path_of(identity: str, action: str = "") -> str:
    return f"/identities/{quote(identity, safe='')}{action}"


async def test_an_identity_has_the_recorded_look(acs: AcsCaller) -> None:
    answer = await acs.call("POST", "/identities")

    assert answer.status == 201
    assert re.fullmatch(
        rf"8:acs:{ACS_RESOURCE_ID}_0000001c(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}",
        answer.json["identity"]["id"],
    )
    assert len(answer.text) == 101  # the recorded length


async def test_answers_carry_the_recorded_headers(acs: AcsCaller) -> None:
    made = await acs.call("POST", "/identities")
    refused = await acs.call("DELETE", path_of(ELSEWHERE))

    assert made.headers["content-type"] == "application/json; charset=utf-8"
    assert refused.headers["content-type"] == "application/json"
    assert "2023-10-01" in made.headers["api-supported-versions"].split(", ")
    assert re.fullmatch(r"\d+ms", made.headers["x-processing-time"])
    assert made.headers["ms-cv"]


async def test_the_clients_request_id_comes_back(acs: AcsCaller) -> None:
    headers = {"x-ms-client-request-id": "mine"}

    answer = await acs.send("POST", "/identities?api-version=2023-10-01", headers=headers)

    assert answer.headers["x-ms-client-request-id"] == "mine"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'{"createTokenWithScopes":null,"expiresInMinutes":null}',
        b'{"createTokenWithScopes":[]}',
    ],
)
async def test_creating_without_scopes_gives_no_token(acs: AcsCaller, body: bytes) -> None:
    answer = await acs.call("POST", "/identities", raw=body)

    assert answer.status == 201
    assert set(answer.json) == {"identity"}


async def test_one_request_creates_an_identity_with_a_token(acs: AcsCaller) -> None:
    wanted = {"createTokenWithScopes": ["chat", "voip"], "expiresInMinutes": 60}

    answer = await acs.call("POST", "/identities", wanted)

    claims = jwt.decode(answer.json["accessToken"]["token"], options={"verify_signature": False})
    assert f"8:{claims['skypeid']}" == answer.json["identity"]["id"]
    assert claims["acsScope"] == "chat,voip"
    assert claims["exp"] - claims["iat"] in {3599, 3600}


async def test_a_token_has_the_documented_claims_and_a_published_key(acs: AcsCaller) -> None:
    identity = await acs.create()

    token = await acs.issue(identity, scopes=["voip.join", "chat.join.limited", "voip.join"])

    keys = jwt.PyJWKSet.from_dict((await acs.inspect("GET", "jwks")).json)
    claims = jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["RS256"])
    assert claims == {
        "skypeid": identity.removeprefix("8:"),
        "scp": 1792,
        "csi": str(claims["iat"]),
        "iat": claims["iat"],
        "exp": claims["exp"],
        "rgn": "amer",
        "acsScope": "voip.join,chat.join.limited",
        "resourceId": ACS_RESOURCE_ID,
        "resourceLocation": "unitedstates",
        "jti": claims["jti"],
    }
    assert abs(claims["exp"] - time.time() - 24 * 3600) < 60


async def test_the_standard_base64_alphabet_can_read_a_payload(acs: AcsCaller) -> None:
    # Microsoft's Python token credential decodes with that one.
    payload = (await acs.issue(await acs.create())).split(".")[1]

    assert json.loads(base64.b64decode(payload + "==", validate=False))["scp"] == 1792
    assert not set("-_") & set(payload)


async def test_tokens_of_one_second_differ(acs: AcsCaller) -> None:
    identity = await acs.create()

    assert len({await acs.issue(identity) for _ in range(5)}) == 5


async def test_expires_on_is_written_as_dotnet_writes_it(acs: AcsCaller) -> None:
    path = path_of(await acs.create(), "/:issueAccessToken")

    answer = await acs.call("POST", path, {"scopes": ["chat"], "expiresInMinutes": 60})

    assert "\\u002B00:00" in answer.text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}\+00:00", answer.json["expiresOn"])
    left = datetime.fromisoformat(answer.json["expiresOn"]).timestamp() - time.time()
    assert 3600 - 60 < left <= 3600


@pytest.mark.parametrize("minutes", [59, 1441, 0, -1, 2**40])
@pytest.mark.parametrize("operation", ["create", "issue"])
async def test_expiry_is_bounded(acs: AcsCaller, operation: str, minutes: int) -> None:
    if operation == "create":
        path, body = "/identities", {"createTokenWithScopes": ["chat"]}
    else:
        path, body = path_of(await acs.create(), "/:issueAccessToken"), {"scopes": ["chat"]}

    answer = await acs.call("POST", path, {**body, "expiresInMinutes": minutes})

    assert answer.error == (
        400,
        "ValidationError",
        f"ExpiresInMinutes value {minutes} is invalid. "
        "Value must be within the [60, 1440] interval.",
        "ExpiresInMinutes",
    )


@pytest.mark.parametrize(
    ("body", "message", "target"),
    [
        ({}, "Scopes: The Scopes field is required.", "Scopes"),
        ({"scopes": None}, "Scopes: The Scopes field is required.", "Scopes"),
        ({"scopes": []}, "Invalid scopes - Scopes field is required.", "scopes"),
    ],
)
async def test_issuing_needs_scopes(
    acs: AcsCaller, body: dict[str, Any], message: str, target: str
) -> None:
    answer = await acs.call("POST", path_of(await acs.create(), "/:issueAccessToken"), body)

    assert answer.error == (400, "ValidationError", message, target)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"scopes":["chat","pstn"]}',
        b'{"scopes":"chat"}',
        b'{"scopes":[["chat"]]}',
        b'{"scopes":["\\ud800"]}',
        b'{"scopes":["chat"],"expiresInMinutes":"60"}',
        b'{"scopes":["chat"],"expiresInMinutes":60.5}',
        b'{"scopes":["chat"],"expiresInMinutes":true}',
        b"[]",
        b"{",
        b"\xff",
        b"[" * 200_000,
    ],
)
async def test_bodies_that_make_no_sense_are_refused(acs: AcsCaller, raw: bytes) -> None:
    answer = await acs.call("POST", path_of(await acs.create(), "/:issueAccessToken"), raw=raw)

    assert answer.error[:2] == (400, "ValidationError")


async def test_a_body_is_called_json(acs: AcsCaller, issuer: TokenIssuer) -> None:
    headers = {"Authorization": f"Bearer {issuer.token()}", "Content-Type": "text/plain"}

    answer = await acs.send("POST", "/identities?api-version=2023-10-01", b"{}", headers=headers)

    assert answer.error[:2] == (415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("method", "action", "body"),
    [
        ("DELETE", "", None),
        ("POST", "/:revokeAccessTokens", None),
        ("POST", "/:issueAccessToken", {"scopes": ["chat"]}),
    ],
)
class TestIdentitiesThatAreNotThere:
    async def test_of_another_resource(
        self, acs: AcsCaller, method: str, action: str, body: object
    ) -> None:
        assert (await acs.call(method, path_of(ELSEWHERE, action), body)).error == NOT_OWNED

    async def test_of_no_resource_at_all(
        self, acs: AcsCaller, method: str, action: str, body: object
    ) -> None:
        assert (await acs.call(method, path_of("8:orgid:x/y", action), body)).error == NOT_OWNED

    async def test_never_made_or_deleted(
        self, acs: AcsCaller, method: str, action: str, body: object
    ) -> None:
        deleted = await acs.create()
        assert (await acs.call("DELETE", path_of(deleted))).status == 204

        for identity in (deleted, f"8:acs:{ACS_RESOURCE_ID}_{uuid.uuid4()}"):
            answer = await acs.call(method, path_of(identity, action), body)
            assert answer.status == 404
            assert answer.json["error"]["message"] == "Provided identity doesn't exist."


async def test_a_readiness_probe_is_no_news_in_the_log(acs: AcsCaller) -> None:
    nil = uuid.UUID(int=0)
    probed = path_of(f"8:acs:{nil}_{nil}", "/:revokeAccessTokens")
    log_before = acs.emulator.log

    assert (await acs.call("POST", probed)).error == NOT_OWNED
    assert acs.emulator.log == log_before
    await acs.call("POST", path_of(f"8:acs:{ACS_RESOURCE_ID}_{nil}", "/:revokeAccessTokens"))
    assert "revoke answered 404" in acs.emulator.log.removeprefix(log_before)


async def test_revoking_kills_the_tokens_issued_before(acs: AcsCaller) -> None:
    identity, other = await acs.create(), await acs.create()
    before = [await acs.issue(identity), await acs.issue(identity)]
    untouched = await acs.issue(other)

    answer = await acs.call("POST", path_of(identity, "/:revokeAccessTokens"))

    assert (answer.status, answer.text) == (204, "")
    assert [await acs.is_active(token) for token in before] == [False, False]
    assert await acs.is_active(untouched)
    assert await acs.is_active(await acs.issue(identity))


async def test_deleting_kills_the_tokens(acs: AcsCaller) -> None:
    identity = await acs.create()
    token = await acs.issue(identity)

    answer = await acs.call("DELETE", path_of(identity))

    assert (answer.status, answer.text) == (204, "")
    assert not await acs.is_active(token)


@pytest.mark.parametrize(
    "version", ["2021-03-07", "2022-06-01", "2022-10-01", "2025-06-30", "2026-07-22", "2026-09-23"]
)
async def test_every_stable_version_is_accepted(
    acs: AcsCaller, issuer: TokenIssuer, version: str
) -> None:
    headers = {"Authorization": f"Bearer {issuer.token()}"}

    answer = await acs.send("POST", f"/identities?api-version={version}", headers=headers)

    assert answer.status == 201


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?api-version=",
        "?api-version=2025-03-02-preview",
        "?api-version=2023-10-01&api-version=2023-10-01",
    ],
)
async def test_other_versions_are_refused(acs: AcsCaller, issuer: TokenIssuer, query: str) -> None:
    headers = {"Authorization": f"Bearer {issuer.token()}"}

    answer = await acs.send("POST", f"/identities{query}", headers=headers)

    assert answer.status == 400
    assert answer.json["error"]["code"].endswith(("UnsupportedApiVersion", "Unspecified"))


async def test_what_is_no_operation_is_answered_in_the_same_shape(acs: AcsCaller) -> None:
    missing = await acs.call("GET", "/nothing")
    wrong_method = await acs.call("GET", "/identities")

    assert missing.error[:2] == (404, "NotFound")
    assert wrong_method.error[:2] == (405, "MethodNotAllowed")
    assert wrong_method.headers["allow"] == "POST"
