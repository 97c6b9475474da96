"""The page docs/api.md: every route, for people, from the same description as docs/openapi.json."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from shared.openapi.functions import ROOT
from shared.openapi.type_words import fields_of, link, type_in_words

PAGE = ROOT / "docs" / "api.md"

type Described = Mapping[str, Any]

_HEAD = """\
# API
Every route of the service. `python3 dev.py openapi` writes this page and
[openapi.json](openapi.json) from the code. [Clients](clients.md) shows typed clients for TypeScript
and Python. [Architecture](architecture.md#words) explains words such as *realm* and *Teams resource
account*. While the local stack runs, <http://127.0.0.1:7071/api/docs> shows the same routes, and
you can try them there. (That page is Swagger UI, and loads nothing from elsewhere.)

## What holds for every route
* All routes are below `/api`. A path or method that is not on this page is answered by the
  platform: 404, without a body.
* Bodies are JSON. An unknown field or query parameter is refused, and the answer names the known
  ones. All faults of a request are listed at once in `errors`. A value that a setting forbids, such
  as `DIAL_PREFIXES`, is reported only when the rest of the body is valid.
* An error is `application/problem+json` (RFC 9457). Its `code` never changes.
  [Troubleshooting](troubleshooting.md) says what each code means and what to do.
* `Retry-After`, where an answer with 429, 502 or 503 has it, says in how many seconds to try again.
* `nextLink` and the header `Location` are paths that begin with `/api/`. Resolve them against the
  service's address: do not append them to a base URL that ends in `/api`.
* Every answer has `Cache-Control: no-store`, unless its route says otherwise.
* Each route has limits: [Limits](limits.md) has their numbers.

### Ids in a path
An id of a person or a bot may have characters other than `A-Z a-z 0-9 . _ | @ -`. In a path, write
such an id as `~` and the base64url of its UTF-8. `.` and `..` are always written so. An id that is
too long for anybody, or that this service cannot have made, is answered like an id that nobody has.

### Texts
The service removes invisible characters from names, titles and spaces, such as marks of direction
and soft hyphens. It refuses control characters.

### Errors of every route
A route for signed-in callers can answer these, besides the errors that it lists itself:

{usual}

## All routes
| route | what it does | who may call it |
|---|---|---|
"""


def page(document: Described) -> str:
    """The whole page.

    Args:
        document: the description, as OpenAPI 3.1.
    """
    found = list(_routes(document))
    overview = [f"| {link(one.title)} | {one.summary} | {one.who} |" for one in found]
    lines = [*overview, ""]
    for tag in document["tags"]:
        lines += [f"## {tag['name']}", f"{tag['description']}", ""]
        for one in found:
            if one.tag == tag["name"]:
                lines += one.lines(document)
    lines += ["## Bodies and answers", "The parts of the bodies and answers above.", ""]
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema:
            lines += [f"### {name}", *_words(schema), *fields_of(schema, document), ""]
    usual = [
        f"| {status} | {', '.join(map(_linked, codes))} |"
        for status, codes in _usual(document).items()
    ]
    head = _HEAD.replace("{usual}", "\n".join(["| answer | codes |", "|---|---|", *usual]))
    return head + "\n".join(lines).rstrip("\n") + "\n"


class _Route:
    """The methods of one path that do the same."""

    def __init__(self, path: str, operations: list[tuple[str, Described]]) -> None:
        self._operations = operations
        _, self._one = operations[0]
        methods = ", ".join(method.upper() for method, _ in operations)
        self.title = f"{methods} {path}"
        self.tag: str = self._one["tags"][0]
        self.summary: str = self._one["summary"]

    @property
    def needs_bearer(self) -> bool:
        return "x-app-roles" in self._one

    @property
    def who(self) -> str:
        """Who may call it, in words."""
        roles = self._one.get("x-app-roles")
        if roles is None:
            schemes = [name for scheme in self._one["security"] for name in scheme]
            return _SENDERS[schemes[0] if schemes else ""]
        people = "signed-in users"
        if roles["user"]:
            return f"users and apps with `{roles['user'][0]}`"
        return f"{people}; apps with `{roles['app'][0]}`" if "app" in roles else people

    def lines(self, document: Described) -> Iterator[str]:
        yield f"### {self.title}"
        yield f"{self.summary}."
        yield from self._description()
        yield from ("", f"**Who may call it**: {self.who}.")
        yield from self._parameters(document)
        yield from self._body(document)
        yield from self._answers(document)
        limits = [limit for _, one in self._operations for limit in one["x-limits"]]
        names = dict.fromkeys(limit["name"] for limit in limits)
        yield from ("", f"**[Limits](limits.md)**: {', '.join(f'`{name}`' for name in names)}.", "")

    def _description(self) -> Iterator[str]:
        """Without the paragraphs that stand elsewhere on the page."""
        told = (f"{self.summary}.", "For callers, users and apps alike", "For signed-in users")
        for paragraph in self._one["description"].split("\n\n"):
            if not paragraph.startswith(told):
                yield from ("", *paragraph.splitlines())

    def _parameters(self, document: Described) -> Iterator[str]:
        parameters = self._one.get("parameters", [])
        if not parameters:
            return
        yield from ("", "| parameter | in | value |", "|---|---|---|")
        for one in parameters:
            words = type_in_words(one["schema"], document)
            if one["name"] == "page":
                words = "from the `nextLink` of an answer"
            elif one["in"] == "path" and "enum" not in one["schema"]:
                words = one["description"]
            elif "description" in one:
                words = f"{one['description']} ({words})"
            if one["in"] == "header" and one["required"]:
                words += " It has to be there."
            yield f"| `{one['name']}` | {one['in']} | {words} |"

    def _body(self, document: Described) -> Iterator[str]:
        for _, operation in self._operations:
            if "requestBody" not in operation:
                continue
            body = operation["requestBody"]
            content = body["content"]["application/json"]
            needed = "" if body["required"] else " It may be left out."
            yield from ("", f"**Body**: {type_in_words(content['schema'], document)}.{needed}")
            yield from _example(content)

    def _answers(self, document: Described) -> Iterator[str]:
        """Those that every route has are listed once, at the top of the page."""
        yield from ("", "| answer | what it holds |", "|---|---|")
        usual = _usual(document) if self.needs_bearer else {}
        shown: dict[str, Any] = {}
        for status, answer in self._one["responses"].items():
            content = answer.get("content", {})
            parts = [_content(kind, one["schema"], document) for kind, one in content.items()]
            parts += [f"header `{name}`" for name in answer.get("headers", {})]
            if codes := _codes_of(answer, document):
                parts = [_linked(code) for code in codes if code not in usual.get(status, ())]
            if parts or not codes:
                yield f"| {status} | {', '.join(parts) or 'nothing'} |"
            shown = shown or content.get("application/json", {})
        if usual:
            yield from ("", "And [what every such route answers](#errors-of-every-route).")
        yield from _example(shown)


# By the first security scheme of a route that only services call; "" if it has none.
_SENDERS: Mapping[str, str] = {
    "": "anybody",
    "acsToken": "ACS, with its signed token",
    "eventGridKey": "Event Grid, with `EVENT_GRID_KEY` or a token of Entra",
}


def _routes(document: Described) -> Iterator[_Route]:
    """In the order of the tags."""
    order = {tag["name"]: position for position, tag in enumerate(document["tags"])}
    found = []
    for path, methods in document["paths"].items():
        alike = groupby(
            sorted(methods.items(), key=lambda one: (one[1]["x-function"], one[0])),
            key=lambda one: (one[1]["x-function"], one[1]["summary"]),
        )
        found += [_Route(path, list(operations)) for _, operations in alike]
    yield from sorted(found, key=lambda one: order[one.tag])


def _words(schema: Described) -> Iterable[str]:
    return [*schema["description"].splitlines(), ""] if "description" in schema else []


def _content(kind: str, schema: Described, document: Described) -> str:
    return type_in_words(schema, document) if kind == "application/json" else f"`{kind}`"


def _usual(document: Described) -> dict[str, list[str]]:
    """By status, the codes that every route for signed-in callers has."""
    answers = [
        operation["responses"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "x-app-roles" in operation
    ]
    found = {}
    for status in sorted(set.intersection(*(set(one) for one in answers))):
        codes = [_codes_of(one[status], document) for one in answers]
        if common := sorted(set.intersection(*(set(one) for one in codes))):
            found[status] = common
    return found


def _codes_of(answer: Described, document: Described) -> list[str]:
    """The codes of the problems in an answer; none if it holds no problem."""
    name = answer.get("$ref", "").rpartition("/")[2]
    full = document["components"]["responses"].get(name, answer)
    problem = full.get("content", {}).get("application/problem+json")
    if problem is None:
        return []
    parts = problem["schema"]["allOf"]
    [codes] = [part["properties"]["code"]["enum"] for part in parts if "type" in part]
    return list(codes)


def _linked(code: str) -> str:
    return f"[`{code}`](troubleshooting.md#{code})"


def _example(content: Described) -> Iterator[str]:
    if "example" in content:
        text = json.dumps(content["example"], ensure_ascii=False, indent=2)
        yield from ("", "```json", *text.splitlines(), "```")
