"""Voice apps: the auto attendants and call queues of Teams that people call with one click."""

from collections.abc import Sequence

from shared.principals import Caller
from shared.problems import NotConfigured
from shared.teams_phone.agents import Admission
from shared.teams_phone.settings import SETTING, VoiceApp


class VoiceApps:
    """The voice apps, which are the same for everybody who may sign in."""

    def __init__(self, identities: Admission, apps: Sequence[VoiceApp]) -> None:
        self._identities = identities
        self._apps = apps

    async def list_for(self, caller: Caller) -> Sequence[VoiceApp]:
        """Raises NotConfigured if there are none. One point read."""
        await self._identities.admit(caller)
        if not self._apps:
            raise NotConfigured(f"{SETTING} is not set.")
        return self._apps
