"""`/_emulator/jwks` and `/_emulator/introspect`: the key of access tokens, and whether one is
valid.
"""

from aiohttp import web

from devstack.acs_emulator.identity.store import IdentityStore
from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.emulation.specs import mistake, read_json


class TokenInspection:
    def __init__(self, *, store: IdentityStore, key: SigningKey) -> None:
        self._store = store
        self._key = key

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_emulator/jwks", self._show_keys, allow_head=False),
            web.post("/_emulator/introspect", self._introspect),
        ]

    async def _show_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self._key.jwks())

    async def _introspect(self, request: web.Request) -> web.Response:
        match await read_json(request):
            case {"token": str(unverified_token)}:
                claims = self._key.claims_of(unverified_token)
            case _:
                raise mistake("", 'the body must be {"token": "..."}')
        if claims is None or not self._store.is_active(claims["jti"]):
            return web.json_response({"active": False})
        return web.json_response({"active": True, **claims})
