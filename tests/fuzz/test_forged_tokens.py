"""A forged token is refused by every function, before anything else is looked at.

In this process, because each function is asked with each token: over HTTP that is half a thousand
requests.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import azure.functions as func
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import RSAKey

from shared.openapi.functions import DescribedOperation
from tests.fuzz.fuzzed_app import AUDIENCE, ISSUER, KEY, Fuzzed, ask, functions
from tests.http.forged_tokens import FORGED
from tests.http.test_refusals import OPEN
from tests.support.stack import Issuer

PRIVATE = [one for one in functions().values() if one.function not in OPEN]


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """The one whose key the app knows."""
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = tmp_path / "issuer.json"
    file.write_text(json.dumps({**RSAKey.import_key(pem).as_dict(private=True), "kid": "k"}))
    return Issuer(ISSUER, file, AUDIENCE)


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused_by_every_function(
    fuzzed: Fuzzed, issuer: Issuer, forge: Callable[[Issuer], str], caplog: pytest.LogCaptureFixture
) -> None:
    token = forge(issuer)

    for answer in answers(fuzzed, token):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="api", error="invalid_')
        if answer.get_body():  # HEAD has none
            assert json.loads(answer.get_body())["code"] == "unauthenticated"
    assert token not in caplog.text


def test_a_token_that_is_not_forged_is_read(fuzzed: Fuzzed, issuer: Issuer) -> None:
    roles = ["Bots.Operate", "Calls.Manage", "Calls.Record", "Meetings.Schedule", "Tokens.Issue"]
    reading = [one for one in PRIVATE if one.method == "get"]

    told = answers(fuzzed, issuer.token("alice", roles=roles), reading)

    assert 401 not in {answer.status_code for answer in told}


def answers(
    fuzzed: Fuzzed, token: str, asked: Sequence[DescribedOperation] = PRIVATE
) -> list[func.HttpResponse]:
    headers = {"authorization": f"Bearer {token}"}
    return fuzzed.answers(*(ask(one, headers=headers) for one in asked))
