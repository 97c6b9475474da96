"""The JWT by which an app knows that a callback is from ACS, and where the app gets its key."""

import time
import uuid

from aiohttp import web

from devstack.acs_emulator.wire.signing_key import SigningKey
from devstack.well_known import ACS_CALLBACK_KEYS_PATH

# Documented, like the paths; but in Azure the paths are on another host than the API.
LIFETIME_SECONDS = 300
SOCKET_LIFETIME_SECONDS = 24 * 3600
DISCOVERY_PATH = "/calling/.well-known/acsopenidconfiguration"


class CallbackTokens:
    """Signs callbacks. The key is not that of access tokens, so that neither is valid as the other.

    Args:
        issuer: the `iss` of the tokens.
        resource_id: their `aud`.
    """

    def __init__(self, key: SigningKey, *, issuer: str, resource_id: str) -> None:
        self._key = key
        self._issuer = issuer
        self._resource_id = resource_id

    def issue(self) -> str:
        """A new token: every attempt to deliver an event has its own one."""
        return self._issue(LIFETIME_SECONDS)

    def issue_for_socket(self) -> str:
        """A new token for a WebSocket to the app."""
        return self._issue(SOCKET_LIFETIME_SECONDS)

    def _issue(self, lifetime_seconds: int) -> str:
        now = int(time.time())
        return self._key.sign(
            {
                "iss": self._issuer,
                "aud": self._resource_id,
                "iat": now,
                "nbf": now,
                "exp": now + lifetime_seconds,
                "jti": uuid.uuid4().hex,  # [assumed]
            }
        )

    def routes(self) -> list[web.RouteDef]:
        """They need no credentials, as in Azure."""
        return [
            web.get(ACS_CALLBACK_KEYS_PATH, self._show_keys, allow_head=False),
            web.get(DISCOVERY_PATH, self._show_discovery, allow_head=False),
        ]

    async def _show_keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self._key.jwks())

    async def _show_discovery(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self._issuer,
                "jwks_uri": f"{request.url.origin()}{ACS_CALLBACK_KEYS_PATH}",
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )
