"""docs/api.md says about each route the same as the description, in words."""

import re

import pytest

from shared.openapi.document import description
from shared.openapi.routes_page import PAGE, page
from shared.openapi.type_words import anchor, type_in_words
from tests.support.described import codes_of
from tests.support.pages import anchors

DOCUMENT = description()
WRITTEN = PAGE.read_text("utf-8")
SECTIONS: dict[str, str] = dict(
    re.findall(r"^### ([^\n]+)\n(.*?)(?=^##)", WRITTEN + "\n##", re.M | re.S)
)
USUAL = SECTIONS["Errors of every route"]


def section_of(method: str, path: str) -> str:
    [text] = [
        text
        for title, text in SECTIONS.items()
        if title.endswith(f" {path}") and method.upper() in re.findall("[A-Z]+", title)
    ]
    return text


def test_the_page_is_what_the_functions_declare() -> None:
    assert page(DOCUMENT) == WRITTEN, "it is old: run `python3 dev.py openapi`"


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for path, one in DOCUMENT["paths"].items() for method in one],
)
def test_a_route_has_its_caller_parameters_body_answers_codes_and_limits(
    method: str, path: str
) -> None:
    operation, text = DOCUMENT["paths"][path][method], section_of(method, path)

    assert operation["summary"] in text
    [who] = re.findall(r"^\*\*Who may call it\*\*: (.+)\.$", text, re.MULTILINE)
    roles = {role for one in operation.get("x-app-roles", {}).values() for role in one}
    assert set(re.findall(r"`([A-Z]\w+\.\w+)`", who)) == roles
    for parameter in operation.get("parameters", []):
        assert f"| `{parameter['name']}` | {parameter['in']} |" in text
    if "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        assert f"**Body**: {type_in_words(schema, DOCUMENT)}." in text
    if method != "head":
        for status, answer in operation["responses"].items():
            codes = set(codes_of(DOCUMENT, answer)) - {"ok"}
            told = f"{text}{USUAL}" if "x-app-roles" in operation else text
            [*rows] = re.findall(rf"^\| {status} \| (.*) \|$", told, re.MULTILINE)
            assert rows, status
            assert {*re.findall(r"\[`([a-z-]+)`\]", " ".join(rows))} >= codes
            if not codes:
                assert len(rows) == 1
    for limit in operation["x-limits"]:
        assert f"`{limit['name']}`" in text


def test_each_heading_is_found_where_the_page_links_to_it() -> None:
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", WRITTEN, flags=re.S), re.M)

    assert [anchor(heading) for heading in headings] == anchors(WRITTEN)


def test_a_body_of_alternatives_says_which_and_what_goes_with_them() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    with_alternatives = {name for name, schema in schemas.items() if "oneOf" in schema}

    assert {"PlayBody", "AudienceBody", "CallBody"} <= with_alternatives
    for name in with_alternatives:
        [rule] = re.findall(r"^Exactly one of .* has to be there.*$", SECTIONS[name], re.MULTILINE)
        needed = {field for one in schemas[name]["oneOf"] for field in one["required"]}
        assert set(re.findall("`([A-Za-z]+)`", rule)) == needed
    assert "one of `url` and `text` has to be there, and with `text`" in SECTIONS["PlayBody"]


def test_each_object_of_the_contract_has_a_table_of_its_fields() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert f"| `{field}` |" in SECTIONS[name], (name, field)
