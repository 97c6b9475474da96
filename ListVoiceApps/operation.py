"""GET /api/voiceApps: list the auto attendants and call queues of Teams that the caller may call.

The Calling SDK calls one by `{teamsAppId, cloud}`.
"""

from shared.bodies import Body, Query
from shared.http import Operation, Request
from shared.problems import NotConfigured
from shared.teams_phone.contract import VoiceAppsAnswer


async def list_voice_apps(request: Request[Query, Body]) -> VoiceAppsAnswer:
    return VoiceAppsAnswer.of(await request.app.voice_apps.list_for(request.caller))


OPERATION = Operation(handler=list_voice_apps, problems=(NotConfigured,))
