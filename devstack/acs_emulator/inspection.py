"""`/_emulator/state` and `/calls`: what is in the emulated resource; `/_emulator/limits`."""

from aiohttp import web

from devstack.acs_emulator.calls.emulator import CALL_OPERATIONS, CallAutomationEmulator
from devstack.acs_emulator.identity.assignments import AssignmentStore
from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.identity.teams_extension import TEAMS_PHONE_OPERATIONS
from devstack.acs_emulator.wire.limits import DOCUMENTED, Limits
from devstack.emulation.database import Database
from devstack.emulation.specs import SpecError, mistake, read_json

# For counts and faults.
OPERATIONS = (*DOCUMENTED, *TEAMS_PHONE_OPERATIONS, *CALL_OPERATIONS)


class Inspection:
    def __init__(
        self,
        *,
        database: Database,
        identities: IdentityStore,
        assignments: AssignmentStore,
        limits: Limits,
        calls: CallAutomationEmulator,
    ) -> None:
        self._database = database
        self._identities = identities
        self._assignments = assignments
        self._limits = limits
        self._calls = calls

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/state", self._show_state, allow_head=False),
            web.get("/_emulator/calls", self._show_calls, allow_head=False),
            web.put("/_emulator/limits", self._set_limits),
        ]

    async def _show_state(self, _request: web.Request) -> web.Response:
        counters = self._database.counters()
        return web.json_response(
            {
                "identities": self._identities.identities(),
                "created": counters.get("created", 0),
                "deleted": counters.get("deleted", 0),
                "tokensIssued": counters.get("tokensIssued", 0),
                "tokensRevoked": counters.get("tokensRevoked", 0),
                "assignments": [one.as_json() for one in self._assignments.all()],
                "requests": self._database.requests(OPERATIONS),
                "calls": self._calls.for_inspection(),
            }
        )

    async def _show_calls(self, request: web.Request) -> web.Response:
        """Some calls: tests that wait for one ask often, and the state holds all calls there ever
        were."""
        calls = self._calls.for_inspection(
            callback_end=request.query.get("callbackEnd", ""),
            server_call_id=request.query.get("serverCallId", ""),
        )
        return web.json_response({"calls": calls})

    async def _set_limits(self, request: web.Request) -> web.Response:
        numbers = await read_json(request)
        if not isinstance(numbers, dict):
            raise mistake("", 'the body must be an object such as {"create": 2}; {} is no limits')
        valid = {
            operation: number
            for operation, number in numbers.items()
            if operation in DOCUMENTED and type(number) is int and number >= 0
        }
        if invalid := sorted(numbers.keys() - valid.keys()):
            known = ", ".join(DOCUMENTED)
            raise SpecError(
                [
                    {
                        "field": name,
                        "message": "must be an integer from 0"
                        if name in DOCUMENTED
                        else f"{name!r} is none of: {known}",
                    }
                    for name in invalid
                ]
            )
        self._limits.set(valid)
        return web.json_response(valid)
