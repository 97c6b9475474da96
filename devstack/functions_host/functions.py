"""Load the functions of an app folder into Microsoft's v1 worker runtime, and invoke them.

The runtime's native invocation is used (no protobuf). Its names are not public:
the version is pinned, and tests/devstack/test_functions_host.py holds the contract.
"""

import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure_functions_runtime_v1.bindings.datumdef import Datum
from azure_functions_runtime_v1.bindings.meta import load_binding_registry
from azure_functions_runtime_v1.handle_event import _functions as registry
from azure_functions_runtime_v1.loader import install, load_function
from azure_functions_runtime_v1.native_invocation import invocation_request_native
from azure_functions_runtime_v1.utils.threadpool import start_threadpool_executor

from . import routes

_DIRECTIONS = {"in": 0, "out": 1, "inout": 2, "undefined": 3}
_PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(**_DIRECTIONS))
_HTTP, _TIMER = _TRIGGERS = ("httpTrigger", "timerTrigger")
_ALL_METHODS = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS", "TRACE")


class AppError(Exception):
    """The app folder cannot be hosted; the message names the function and what is wrong."""


@dataclass(frozen=True)
class HttpFunction:
    """One function with an HTTP trigger."""

    name: str
    route: routes.Route
    methods: frozenset[str]
    parameter: str


@dataclass(frozen=True)
class TimerFunction:
    """One function with a timer trigger; its schedule may name settings, as `%SETTING%`."""

    name: str
    schedule: str
    parameter: str


@dataclass(frozen=True)
class Functions:
    """The functions of an app: those with an HTTP trigger, best match first, and timers."""

    http: Sequence[HttpFunction]
    timers: Sequence[TimerFunction]


@dataclass(frozen=True)
class Request:
    """What the trigger hands to the worker. Header names are lower-case, as on the wire."""

    method: str
    url: str
    headers: dict[str, str]
    query: dict[str, str]
    route_values: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def route_prefix(app: Path) -> str:
    """The routePrefix of host.json; `api` where it says nothing."""
    host = json.loads((app / "host.json").read_text("utf-8"))
    prefix = host.get("extensions", {}).get("http", {}).get("routePrefix", "api")
    return str(prefix).strip("/")


def load_app(app: Path) -> Functions:
    """Load every folder with a function.json.

    Raises:
        AppError: a function cannot be loaded, has another trigger than HTTP or a timer, or shares
            route and method with another.
    """
    sys.path.insert(0, str(app))
    load_binding_registry()
    install()
    start_threadpool_executor()
    found = [_load(path.parent) for path in sorted(app.glob("*/function.json"))]
    http = [function for function in found if isinstance(function, HttpFunction)]
    timers = [function for function in found if isinstance(function, TimerFunction)]
    _refuse_clashes(http)
    return Functions(routes.by_precedence(http, lambda function: function.route), timers)


async def invoke(function: HttpFunction, request: Request) -> tuple[str, Response | None]:
    """Run the function once.

    Returns:
        The invocation id, and the response; None when the function raised (the runtime has
        logged the traceback; Azure answers such a request with an empty 500).
    """
    invocation_id = str(uuid.uuid4())
    ok, returned, _, _, _ = await invocation_request_native(
        invocation_id, function.name, [(function.parameter, _http_datum(request))], {}
    )
    return invocation_id, _response(returned) if ok else None


async def invoke_timer(function: TimerFunction, info: Mapping[str, object]) -> tuple[str, bool]:
    """Run the function once, with what Azure tells it about its schedule.

    Returns:
        The invocation id, and whether it returned; if not, the runtime has logged the traceback.
    """
    invocation_id = str(uuid.uuid4())
    ok, _, _, _, _ = await invocation_request_native(
        invocation_id, function.name, [(function.parameter, Datum(json.dumps(info), "json"))], {}
    )
    return invocation_id, bool(ok)


def _load(folder: Path) -> HttpFunction | TimerFunction:
    name = folder.name
    try:
        declared = json.loads((folder / "function.json").read_text("utf-8"))
        bindings = {
            binding["name"]: SimpleNamespace(
                type=binding["type"],
                direction=_DIRECTIONS[binding.get("direction", "in")],
                data_type=_DIRECTIONS["undefined"],
            )
            for binding in declared["bindings"]
        }
        trigger = next(b for b in declared["bindings"] if b["type"] in _TRIGGERS)
        function = load_function(
            name,
            str(folder),
            str(folder / declared.get("scriptFile", "__init__.py")),
            declared.get("entryPoint", "main"),
        )
        metadata = SimpleNamespace(name=name, directory=str(folder), bindings=bindings)
        registry.add_function(name, function, metadata, _PROTOS)
        if trigger["type"] == _TIMER:
            return TimerFunction(name, str(trigger["schedule"]), trigger["name"])
        return HttpFunction(
            name=name,
            route=routes.parse(trigger.get("route", name)),
            methods=frozenset(m.upper() for m in trigger.get("methods", _ALL_METHODS)),
            parameter=trigger["name"],
        )
    except StopIteration:
        raise AppError(f"{name}: no trigger that this host runs ({', '.join(_TRIGGERS)})") from None
    except Exception as error:
        raise AppError(f"{name}: {type(error).__name__}: {error}") from error


def _refuse_clashes(functions: list[HttpFunction]) -> None:
    taken: dict[tuple[str, str], str] = {}
    for function in functions:
        for method in function.methods:
            other = taken.setdefault((function.route.template.lower(), method), function.name)
            if other != function.name:
                raise AppError(
                    f"{function.name}: {method} {function.route.template} is taken by {other}"
                )


def _http_datum(request: Request) -> Datum:
    def strings(values: dict[str, str]) -> dict[str, Datum]:
        return {name: Datum(value, "string") for name, value in values.items()}

    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(request.url, "string"),
            "headers": strings(request.headers),
            "query": strings(request.query),
            "params": strings(request.route_values),
            "body": Datum(request.body, "bytes"),
        },
        "http",
    )


def _response(returned: Any) -> Response:
    if returned.type == "string":
        return Response(
            200, [("content-type", "text/plain; charset=utf-8")], returned.value.encode()
        )
    value = returned.value
    headers = [(name, datum.value) for name, datum in value["headers"].items()]
    for cookie in value["cookies"] or ():
        headers += [("set-cookie", morsel.OutputString()) for morsel in cookie.values()]
    return Response(int(value["status_code"].value), headers, value["body"].value)
