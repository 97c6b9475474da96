"""The credentials that the emulator accepts: signatures verified to the byte, and bearer tokens of
its issuer."""

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from multidict import CIMultiDict

from devstack.acs_emulator.wire.access_key import AccessKey, CredentialError
from devstack.emulation.bearer import BearerError, IssuerUnreachableError, TrustedIssuer
from devstack.well_known import ACS_ACCESS_KEY
from tests.devstack.acs_emulator.acs_fixtures import (
    ACS_AUDIENCE,
    AcsCaller,
    acs,
    emulator,
    issuer,
    signed_headers,
)
from tests.devstack.emulator_fixtures import TokenIssuer, serving_issuer

__all__ = ["acs", "emulator", "issuer"]

DENIED = (401, "Denied", "Denied by the resource provider.", None)
CREATE = "/identities?api-version=2023-10-01"

# The documented example, its signatures recomputed.
EXAMPLE_KEY = "pw=="
EXAMPLE_DATE = datetime(2022, 4, 13, 18, 9, 12, tzinfo=UTC)
EXAMPLE_HOST = "contoso.communicationservices.azure.com"
EXAMPLE_SIGNATURES = {
    "/": "88MDmJhUR3m5QhFxb8ztShsSwlGrg7g/6XPnWf7QEO4=",
    "/testPath": "RoCrHjw7fb9fpHSbqvRUY2xa8RBS0YvI1cxI1x8AS38=",
    "/testPath?testQuery=yes": "il99+rd6V5O136roX/zVePCNle78HmvC4B7tu9zRH3I=",
}
NO_BODY = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def example_headers(signature: str, **changed: str) -> CIMultiDict[str]:
    return CIMultiDict(
        {
            "Host": EXAMPLE_HOST,
            "x-ms-date": format_datetime(EXAMPLE_DATE, usegmt=True),
            "x-ms-content-sha256": NO_BODY,
            "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            f"&Signature={signature}",
            **changed,
        }
    )


def verify_example(
    target: str, headers: CIMultiDict[str], *, now: datetime = EXAMPLE_DATE, body: bytes = b""
) -> None:
    key = AccessKey(EXAMPLE_KEY, now=lambda: now)
    key.verify(method="GET", target=target, headers=headers, body=body)


@pytest.mark.parametrize(("target", "signature"), EXAMPLE_SIGNATURES.items())
def test_the_published_signatures_are_accepted(target: str, signature: str) -> None:
    verify_example(target, example_headers(signature))


@pytest.mark.parametrize("target", ["/testpath", "/testPath/", "/testPath?", "/test%2FPath"])
def test_a_signature_is_for_one_target(target: str) -> None:
    with pytest.raises(CredentialError, match="not what the client signed"):
        verify_example(target, example_headers(EXAMPLE_SIGNATURES["/testPath"]))


@pytest.mark.parametrize("minutes", [-15, 15])
def test_clocks_may_be_15_minutes_apart_and_no_more(minutes: int) -> None:
    edge = EXAMPLE_DATE + timedelta(minutes=minutes)
    beyond = edge + timedelta(seconds=1 if minutes > 0 else -1)

    verify_example("/", example_headers(EXAMPLE_SIGNATURES["/"]), now=edge)
    with pytest.raises(CredentialError, match="away from this machine's clock"):
        verify_example("/", example_headers(EXAMPLE_SIGNATURES["/"]), now=beyond)


def test_a_changed_body_is_told_apart() -> None:
    with pytest.raises(CredentialError) as refused:
        verify_example("/", example_headers(EXAMPLE_SIGNATURES["/"]), body=b"{}")

    assert refused.value.answer.code == "Denied"
    assert (
        str(refused.value.answer)
        == "Request 'x-ms-content-sha256' differs from generated content hash."
    )


@pytest.mark.parametrize(
    ("header", "value", "why"),
    [
        ("Host", EXAMPLE_HOST + ":443", "not what the client signed"),
        ("x-ms-date", "yesterday", "RFC 1123"),
        ("x-ms-date", "Wed, 13 Apr 2022 18:09:12 -0000", "no time zone"),
        ("x-ms-content-sha256", "x", "not what the client signed"),
        ("Authorization", "HMAC-SHA256 Signature=x", "Authorization"),
        ("Authorization", "HMAC-SHA256 SignedHeaders=host&Signature=eA==", "does not cover"),
        (
            "Authorization",
            "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=?",
            "not base64",
        ),
        (
            "Authorization",
            "HMAC-SHA256 SignedHeaders=date;host;x-ms-content-sha256&Signature=eA==",
            "0 headers 'date'",
        ),
    ],
)
def test_a_request_needs_all_of_the_headers_that_were_signed(
    header: str, value: str, why: str
) -> None:
    headers = example_headers(EXAMPLE_SIGNATURES["/"])
    headers[header] = value

    with pytest.raises(CredentialError, match=why):
        verify_example("/", headers)


def test_a_signed_header_may_not_come_twice() -> None:
    headers = example_headers(EXAMPLE_SIGNATURES["/"])
    headers.add("Host", EXAMPLE_HOST)

    with pytest.raises(CredentialError, match="2 headers 'host'"):
        verify_example("/", headers)


@pytest.mark.parametrize("key", ["", "not base64!"])
def test_a_key_that_is_none_is_not_taken(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        AccessKey(key)


class TestOnTheWire:
    async def test_date_may_stand_in_for_x_ms_date(self, acs: AcsCaller) -> None:
        host = f"127.0.0.1:{acs.emulator.port}"
        headers = signed_headers("POST", CREATE, host)
        headers["Date"] = headers.pop("x-ms-date")
        headers["Authorization"] = headers["Authorization"].replace("x-ms-date", "date")

        assert (await acs.send("POST", CREATE, headers=headers)).status == 201

    @pytest.mark.parametrize("form", [str, unquote, lambda t: t.replace("%3A", ":")])
    async def test_the_target_may_be_signed_as_microsofts_clients_do(
        self, acs: AcsCaller, form: Any
    ) -> None:
        identity = await acs.create()
        sent = f"/identities/{identity.replace(':', '%3A')}?api-version=2023-10-01"
        headers = signed_headers("DELETE", form(sent), f"127.0.0.1:{acs.emulator.port}")

        assert (await acs.send("DELETE", sent, headers=headers)).status == 204

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Basic eDp5"},
            {"Authorization": "HMAC-SHA256"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer \x80"},
        ],
    )
    async def test_other_credentials_are_denied(
        self, acs: AcsCaller, headers: dict[str, str]
    ) -> None:
        assert (await acs.send("POST", CREATE, headers=headers)).error == DENIED

    async def test_a_wrong_key_is_denied(self, acs: AcsCaller) -> None:
        key = base64.b64encode(b"another").decode()
        headers = signed_headers("POST", CREATE, f"127.0.0.1:{acs.emulator.port}", key=key)

        assert (await acs.send("POST", CREATE, headers=headers)).error == DENIED

    async def test_the_host_is_signed_with_its_port(self, acs: AcsCaller) -> None:
        headers = signed_headers("POST", CREATE, "127.0.0.1")

        assert (await acs.send("POST", CREATE, headers=headers)).error == DENIED

    async def test_a_changed_body_is_denied(self, acs: AcsCaller) -> None:
        headers = signed_headers("POST", CREATE, f"127.0.0.1:{acs.emulator.port}", b"{}")

        answer = await acs.send("POST", CREATE, b"{ }", headers=headers)

        assert answer.error == (
            401,
            "Denied",
            "Request 'x-ms-content-sha256' differs from generated content hash.",
            None,
        )

    async def test_the_log_says_why_and_keeps_the_key(self, acs: AcsCaller) -> None:
        host = f"127.0.0.1:{acs.emulator.port}/"
        headers = signed_headers("POST", CREATE, host)

        assert (await acs.send("POST", CREATE, headers=headers)).error == DENIED
        assert f"signed the host '{host}': take the trailing slash off" in acs.emulator.log
        assert ACS_ACCESS_KEY not in acs.emulator.log


def signed_with_the_public_key(token: str, issuer: TokenIssuer) -> str:
    """The token as HS256, its secret the key that everybody can have. PyJWT refuses to do it."""
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": issuer.kid}).encode())
    signed = header.rstrip(b"=") + b"." + token.split(".")[1].encode()
    pem = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    mac = base64.urlsafe_b64encode(hmac.digest(pem, signed, "sha256")).rstrip(b"=")
    return (signed + b"." + mac).decode()


class TestBearer:
    async def test_a_token_of_the_issuer_is_accepted(
        self, acs: AcsCaller, issuer: TokenIssuer
    ) -> None:
        headers = {"Authorization": f"Bearer {issuer.token(filler='x' * 12_000)}"}

        for tls in (False, True):
            assert (await acs.send("POST", CREATE, tls=tls, headers=headers)).status == 201

    @pytest.mark.parametrize(
        "claims",
        [
            {"aud": "https://communication.azure.com"},
            {"aud": "https://communication.azure.com//"},
            {"aud": [ACS_AUDIENCE]},
            {"aud": None},
            {"iss": "http://elsewhere"},
            {"iss": None},
            {"exp": 1},
            {"exp": None},
            {"nbf": 2**33},
        ],
        ids=str,
    )
    async def test_other_claims_are_denied(
        self, acs: AcsCaller, issuer: TokenIssuer, claims: dict[str, Any]
    ) -> None:
        headers = {"Authorization": f"Bearer {issuer.token(**claims)}"}

        assert (await acs.send("POST", CREATE, headers=headers)).error == DENIED

    async def test_other_signatures_are_denied(self, acs: AcsCaller, issuer: TokenIssuer) -> None:
        good = issuer.token()
        claims = jwt.decode(good, options={"verify_signature": False})
        forged = [
            jwt.encode(claims, "", "none", headers={"kid": issuer.kid}),
            signed_with_the_public_key(good, issuer),
            jwt.encode(claims, issuer.key, "RS512", headers={"kid": issuer.kid}),
            issuer.token(header={"kid": "unknown"}),
            jwt.encode(claims, issuer.key, "RS256"),
            good[:-8] + "AAAAAAAA",
            good.rsplit(".", 1)[0],
        ]

        for token in forged:
            headers = {"Authorization": f"Bearer {token}"}
            assert (await acs.send("POST", CREATE, headers=headers)).error == DENIED


class TestTheIssuersKeys:
    @pytest.fixture
    def fresh_issuer(self) -> Iterator[TokenIssuer]:
        with serving_issuer(ACS_AUDIENCE) as running:
            yield running

    async def test_are_fetched_once(self, fresh_issuer: TokenIssuer) -> None:
        trusted = TrustedIssuer(fresh_issuer.url)

        for _ in range(3):
            await trusted.claims_of(fresh_issuer.token(), audiences=[ACS_AUDIENCE])

        assert fresh_issuer.requests == ["/.well-known/openid-configuration", "/jwks"]

    async def test_unknown_ones_are_asked_for_once_in_a_while(
        self, fresh_issuer: TokenIssuer
    ) -> None:
        now = 0.0
        trusted = TrustedIssuer(fresh_issuer.url, cooldown_seconds=10, clock=lambda: now)
        await trusted.claims_of(fresh_issuer.token(), audiences=[ACS_AUDIENCE])
        fresh_issuer.requests.clear()

        for number in range(100):
            with pytest.raises(BearerError, match="has no key"):
                await trusted.claims_of(
                    fresh_issuer.token(header={"kid": str(number)}), audiences=[ACS_AUDIENCE]
                )
        assert fresh_issuer.requests == []

        fresh_issuer.kid = "rotated"
        now = 10.0
        await trusted.claims_of(fresh_issuer.token(), audiences=[ACS_AUDIENCE])
        assert fresh_issuer.requests.count("/jwks") == 1

    async def test_without_any_nothing_is_judged(self, fresh_issuer: TokenIssuer) -> None:
        trusted = TrustedIssuer(fresh_issuer.url + "/elsewhere")

        with pytest.raises(IssuerUnreachableError):
            await trusted.claims_of(fresh_issuer.token(), audiences=[ACS_AUDIENCE])

    async def test_an_issuer_that_is_somebody_else_has_none(
        self, fresh_issuer: TokenIssuer
    ) -> None:
        trusted = TrustedIssuer(fresh_issuer.url + "/")

        with pytest.raises(IssuerUnreachableError):
            await trusted.claims_of(fresh_issuer.token(), audiences=[ACS_AUDIENCE])
