"""What there is in the emulated resource, and its limits, at `/_emulator`."""

from aiohttp import web

from devstack.acs_emulator.calls.emulator import CALL_OPERATIONS, CallAutomation
from devstack.acs_emulator.identity.store import State
from devstack.acs_emulator.identity.tokens import SigningKey
from devstack.acs_emulator.wire.limits import DOCUMENTED, Limits
from devstack.emulation.faults import bad_request
from devstack.emulation.inspection import json_of


class Inspection:
    def __init__(
        self, *, state: State, key: SigningKey, limits: Limits, calls: CallAutomation
    ) -> None:
        self._state = state
        self._key = key
        self._limits = limits
        self._calls = calls

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/state", self._show_state, allow_head=False),
            web.get("/_emulator/jwks", self._show_keys, allow_head=False),
            web.post("/_emulator/introspect", self._introspect),
            web.put("/_emulator/limits", self._set_limits),
        ]

    async def _show_state(self, _request: web.Request) -> web.Response:
        counters = self._state.counters()
        return web.json_response(
            {
                "identities": self._state.identities(),
                "created": counters.get("created", 0),
                "deleted": counters.get("deleted", 0),
                "tokensIssued": counters.get("tokensIssued", 0),
                "tokensRevoked": counters.get("tokensRevoked", 0),
                "requests": self._state.requests([*DOCUMENTED, *CALL_OPERATIONS]),
                "calls": self._calls.inspected(),
            }
        )

    async def _show_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self._key.jwks())

    async def _introspect(self, request: web.Request) -> web.Response:
        match await json_of(request):
            case {"token": str(unverified_token)}:
                claims = self._key.claims_of(unverified_token)
            case _:
                message = 'the body must be {"token": "..."}'
                return bad_request([{"field": "", "message": message}])
        if claims is None or not self._state.is_live(claims["jti"]):
            return web.json_response({"active": False})
        return web.json_response({"active": True, **claims})

    async def _set_limits(self, request: web.Request) -> web.Response:
        numbers = await json_of(request)
        if not isinstance(numbers, dict):
            message = 'the body must be an object such as {"create": 2}; {} is no limits'
            return bad_request([{"field": "", "message": message}])
        accepted = {
            operation: number
            for operation, number in numbers.items()
            if operation in DOCUMENTED and type(number) is int and number >= 0
        }
        if refused := sorted(numbers.keys() - accepted.keys()):
            known = ", ".join(DOCUMENTED)
            return bad_request(
                [
                    {
                        "field": name,
                        "message": "must be an integer from 0"
                        if name in DOCUMENTED
                        else f"{name!r} is none of: {known}",
                    }
                    for name in refused
                ]
            )
        self._limits.set(accepted)
        return web.json_response(accepted)
