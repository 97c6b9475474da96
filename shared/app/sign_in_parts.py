"""The parts that authenticate callers, and the senders of callbacks."""

from functools import cached_property
from typing import TYPE_CHECKING

from shared.app.base import Base

if TYPE_CHECKING:
    from shared.auth.authenticator import Authenticator
    from shared.auth.issuer_keys import IssuerKeys
    from shared.auth.webhooks import CallbackVerifier, EventGridVerifier


class SignInParts(Base):
    """Authenticates callers, and verifies the senders of callbacks."""

    @cached_property
    def authenticator(self) -> "Authenticator":
        from shared.auth.authenticator import Authenticator

        auth = self.settings.auth
        return Authenticator(auth.issuers_by_url, self._issuer_keys, easy_auth=auth.easy_auth)

    @cached_property
    def callback_verifier(self) -> "CallbackVerifier":
        from shared.auth.webhooks import CallbackVerifier

        calls = self.settings.calls
        keys = self._keys_at(calls.callback_keys_url, calls.callback_issuer, "CALLBACK_JWKS_URL")
        return CallbackVerifier(keys, calls.callback_issuer, self.settings.upstream.resource_id)

    @cached_property
    def event_grid_verifier(self) -> "EventGridVerifier":
        from shared.auth.webhooks import EventGridVerifier

        bots = self.settings.bot_calls
        keys = self._keys_at(
            bots.entra_keys_url,
            "Entra, for Event Grid",
            "EVENT_GRID_TENANT",
            judges_at_once=False,  # Event Grid never repeats a refused delivery
        )
        return EventGridVerifier(
            bots.event_grid_keys, keys, bots.event_grid_tenant, bots.event_grid_audiences
        )

    @cached_property
    def _issuer_keys(self) -> "dict[str, IssuerKeys]":
        from shared.auth.issuer_keys import keys_of

        session = self.upstream.session
        return {one.url: keys_of(one, session) for one in self.settings.auth.issuers}

    def _keys_at(
        self, url: str, issuer: str, setting: str, *, judges_at_once: bool = True
    ) -> "IssuerKeys":
        from shared.auth.issuer_keys import IssuerKeys

        return IssuerKeys(
            issuer,
            self.upstream.session,
            keys_url=url,
            setting=setting,
            judges_at_once=judges_at_once,
        )
