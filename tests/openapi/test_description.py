"""The description says what the functions declare, and is OpenAPI that tools read."""

import inspect
import json
import re
import sys
from http import HTTPStatus
from typing import Any

import pytest

from shared.http import IDEMPOTENCY_KEY
from shared.openapi.document import DESCRIPTION, description, text_of
from shared.openapi.functions import operations
from tests.support.described import codes_of, described, problems
from tests.support.node import run_node_package
from tests.support.stack import ROOT

DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.read_text("utf-8"))
RULES = ("--extends", "recommended", "--format", "json")
# The answers that `serve` may give to every request.
OF_ALL = {"internal-error", "misconfigured"}


def described_operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_file_is_what_the_functions_declare() -> None:
    stored, declared = DESCRIPTION.read_text("utf-8"), text_of(description())

    assert stored == declared, "docs/openapi.json is old: run `python3 dev.py openapi`"


def test_every_method_of_every_http_function_is_described_and_no_other() -> None:
    expected = set()
    for file in ROOT.glob("*/function.json"):
        trigger = json.loads(file.read_text("utf-8"))["bindings"][0]
        if trigger["type"] != "httpTrigger":
            continue
        full = "/" + trigger["route"].replace("?}", "}")
        shortened = {"/" + re.sub(r"/\{\w+\?\}$", "", trigger["route"])}
        for path in {full} | shortened:
            expected |= {(file.parent.name, method, path) for method in trigger["methods"]}

    found = {(one["x-function"], method, path) for method, path, one in described_operations()}
    assert found == expected
    assert ("Health", "head", "/health/{probe}") in found


def test_the_description_is_openapi(monkeypatch: pytest.MonkeyPatch) -> None:
    # To read the grammar of IRIs takes 8 s of CPU, and the schema of OpenAPI asks for none.
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", None)
    from openapi_spec_validator import validate  # takes a while, which each worker would pay

    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(DOCUMENT)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_redocly_finds_nothing_to_criticize() -> None:
    report = json.loads(
        run_node_package("@redocly/cli/bin/cli.js", "lint", str(DESCRIPTION), *RULES)
    )

    assert report["problems"] == []


def test_an_operation_has_a_name_of_its_own_a_summary_and_a_description() -> None:
    ids = [operation["operationId"] for _, _, operation in described_operations()]

    assert len(set(ids)) == len(ids) > 35
    for _, path, operation in described_operations():
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["operationId"].isalpha()


def schema_of(part: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands alone, with the components that it refers to."""
    return {**part, "components": DOCUMENT["components"]}


def check(example: object, schema: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator  # as above

    formats = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(schema_of(schema), format_checker=formats).validate(example)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    described_operations(),
    ids=[f"{method} {path}" for method, path, _ in described_operations()],
)
def test_a_request_and_its_answer_are_shown_by_an_example_that_fits(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    contents = []
    if "requestBody" in operation:
        contents.append(operation["requestBody"]["content"]["application/json"])
    for status, answer in operation["responses"].items():
        content = answer.get("content", {}).get("application/json")
        if int(status) < 300 and content and "type" not in content["schema"]:
            contents.append(content)

    for content in contents:
        check(content["example"], content["schema"])
    for parameter in operation.get("parameters", []):
        if "example" in parameter:
            check(parameter["example"], parameter["schema"])
        assert "example" in parameter or not parameter.get("required"), parameter["name"]


def test_an_example_says_nothing_that_is_not_shown() -> None:
    for one in operations():
        assert one.example.keys() <= {"query", "headers", "request", "answer"}, one.function
        names = {parameter["name"] for parameter in parameters(one.path, one.method)}
        assert {*one.example.get("query", {}), *one.example.get("headers", {})} <= names
    for file in ROOT.glob("*/example.json"):
        assert (file.parent / "function.json").exists()


def parameters(path: str, method: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DOCUMENT["paths"][path][method].get("parameters", [])
    return found


def test_whoever_reads_an_idempotency_key_says_so_and_no_other() -> None:
    for one in operations():
        reads = "idempotency_key" in inspect.getsource(one.operation.handler)
        told = {header.name for header in getattr(one.operation, "headers", ())}
        assert (IDEMPOTENCY_KEY.name in told) == reads, one.function


def test_a_link_leads_to_an_operation_with_all_that_its_path_needs() -> None:
    paths = {operation["operationId"]: path for _, path, operation in described_operations()}
    links = {
        (operation["operationId"], target): link["parameters"]
        for _, _, operation in described_operations()
        for answer in operation["responses"].values()
        for target, link in answer.get("links", {}).items()
    }

    for (source, target), given in links.items():
        assert {*given} == {*re.findall(r"\{(\w+)\}", paths[target])}, (source, target)
    assert links["placeCall", "hangUp"] == {"callId": "$response.body#/id"}
    assert links["getCall", "removeFromCall"]["callId"] == "$request.path.callId"
    # Links lead to each operation that needs an id of ours, or of a bot or friend.
    led_to = {target for _, target in links}
    assert {id_ for id_, path in paths.items() if "{" in path} - led_to == {
        *("addAgent", "addFriend", "registerBot", "applyEvents"),
        *("isReady", "isReadyByHead", "showAsset", "showAssetByHead"),
    }


def test_every_problem_is_of_some_operation() -> None:
    codes = {kind.code for kind in problems()}

    assert codes == {code for _, _, _, code in described()} - {"ok"}


def test_each_operation_says_who_may_ask() -> None:
    admitted = {}
    for method, path, operation in described_operations():
        needs_bearer = {"bearer": []} in operation["security"]
        assert needs_bearer == ("x-app-roles" in operation), path
        proves = needs_bearer or "Callbacks" in operation["tags"]
        assert proves == ("401" in operation["responses"]), path
        admitted[method, path] = operation.get("x-app-roles")

    assert admitted["post", "/calls"] == {"user": ["Calls.Manage"], "app": ["Calls.Manage"]}
    assert admitted["get", "/calls"] == {"user": [], "app": ["Calls.Manage"]}
    assert admitted["get", "/user"] == {"user": []}
    assert admitted["get", "/health"] is admitted["post", "/incomingCalls"] is None


def test_each_status_of_a_problem_is_that_of_its_code() -> None:
    statuses = {kind.code: kind.status for kind in problems()}
    for method, path, operation in described_operations():
        codes = set[str]()
        for status, answer in operation["responses"].items():
            for code in codes_of(DOCUMENT, answer):
                assert code == "ok" or statuses[code] == HTTPStatus(int(status)), code
                codes.add(code)
        assert codes >= OF_ALL or method == "head", path
