"""How the JSON of an answer, and what an error says, are read."""

import json

import pytest

from shared.stored_rows import row_of
from shared.upstream.failures import Unreadable
from shared.upstream.wire import Answer, failure_of


def answer(content: bytes) -> Answer:
    return Answer(200, {}, content)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"half \ud83d of a pair"', "half \ud83d of a pair"),
        (r'"whole \ud83d\ude00 pair"', "whole \N{GRINNING FACE} pair"),
        ("2147483647", 2147483647),
        ("true", True),
    ],
)
def test_whatever_may_be_stored_is_read(text: str, value: object) -> None:
    """Lone surrogates are read too, although one of two parsers refuses them: otherwise a list with
    one would fail as an outage."""
    entity = f'{{"PartitionKey": "p", "RowKey": "r", "odata.etag": "e", "name": {text}}}'

    assert answer(entity.encode()).read(row_of).values == {"name": value}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"PartitionKey": "p"}', b"\xff", b"null", b"[" * 100_000]
)
def test_what_is_no_entity_is_no_answer(content: bytes) -> None:
    with pytest.raises(Unreadable):
        answer(content).read(row_of)


STORAGE = {"odata.error": {"code": "ResourceNotFound"}}
ACS = {"error": {"code": "ResourceNotFound"}}
HEADER = {"x-ms-error-code": "TableNotFound"}


@pytest.mark.parametrize(
    ("is_storage", "headers", "body", "code"),
    [
        (True, HEADER, b"", "TableNotFound"),
        (True, HEADER, json.dumps(STORAGE).encode(), "TableNotFound"),
        (True, {}, json.dumps(STORAGE).encode(), "ResourceNotFound"),
        (False, {}, json.dumps(ACS).encode(), "ResourceNotFound"),
        (False, HEADER, json.dumps(ACS).encode(), "ResourceNotFound"),
        # As of gateways, which know nothing of rows and identities.
        (True, {}, json.dumps(ACS).encode(), ""),
        (False, {}, json.dumps(STORAGE).encode(), ""),
        (False, HEADER, b"<html>", ""),
    ],
)
def test_only_the_code_of_the_service_itself_counts(
    is_storage: bool, headers: dict[str, str], body: bytes, code: str
) -> None:
    assert failure_of(Answer(404, headers, body), is_storage=is_storage).code == code
