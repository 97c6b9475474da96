"""The costs of requests about calls, bots and erasures, exactly as the page of costs has them.

Requests about people and what they share are in test_costs.
"""

import uuid
from typing import Any

import aiohttp
import pytest

from shared.operate.tidy import Tidy
from tests.calls.recording import record, until
from tests.calls.test_calls import AUDIO, place
from tests.identity.test_teams import exchange, teams_token
from tests.meetings.test_meeting_links import SHORT
from tests.support.control import Control
from tests.support.costs import Counting, cost_table
from tests.support.people import People, Person, befriend
from tests.support.stack import Host, Stack


@pytest.fixture
async def known(people: People, counted_host: Host) -> list[Person]:
    """People with an identity. The first of them may do everything."""
    found = people(counted_host, "ann", "ben", "carol", "dora")
    found[0].sign_in("Calls.Manage", "Calls.Record", "Bots.Operate")
    for person in found:
        await person.token()
    return found


async def test_steering_a_call_costs_what_the_table_says(
    counting: Counting, known: list[Person], acs: Control
) -> None:
    ann, ben = known[:2]
    of, of_event, key = counting.of, counting.of_event, uuid.uuid4().hex
    call = (await place(ann, {"user": ben.id}, key=key)).json["id"]
    path = f"/calls/{call}"

    async def event(name: str, kind: str) -> None:
        def is_held(callbacks: dict[str, Any]) -> bool:
            return any(one["type"].endswith(f".{kind}") for one in callbacks["held"])

        await until(lambda: acs.get("callbacks"), is_held)
        await of_event(name, acs.tell(types=[kind]))

    await of("POST /calls again", place(ann, {"user": ben.id}, key=key), 201)
    await acs.events_held(2)
    await acs.tell(types=["CallConnected"])
    await event("POST /callEvents/{callId}, that people have come or gone", "ParticipantsUpdated")
    await of("POST /calls/{callId}/play", ann.ask(f"{path}/play", "POST", {"url": AUDIO}), 202)
    await event("POST /callEvents/{callId}, that a sound was played", "PlayCompleted")
    heard = {"from": {"user": ben.id}, "maxTones": 1}
    await of("POST /calls/{callId}/tones", ann.ask(f"{path}/tones", "POST", heard), 202)
    start, again = record(ann, call, "start", key), record(ann, call, "start", key)
    await of("POST /calls/{callId}/recording, a start", start, 202)
    await of("POST /calls/{callId}/recording, a start again", again, 202)
    await event("POST /callEvents/{callId}, that a recording goes on", "RecordingStateChanged")
    await of("POST /calls/{callId}/recording, a pause", record(ann, call, "pause"), 202)
    await of("POST /calls/{callId}/recording, a resumption", record(ann, call, "resume"), 202)
    await of("POST /calls/{callId}/recording, a stop", record(ann, call, "stop"), 202)
    [who] = (await ann.ask(path)).json["participants"]
    removed = ann.ask(f"{path}/participants/{who['id']}", "DELETE")
    await of("DELETE /calls/{callId}/participants/{participantId}", removed, 202)
    await of("DELETE /calls/{callId}", ann.ask(path, "DELETE"), 204)
    await event("POST /callEvents/{callId}, that a call has ended", "CallDisconnected")
    await of("DELETE /calls/{callId} again", ann.ask(path, "DELETE"), 204)
    await of("POST /calls into a group call", place(ann, groupId=str(uuid.uuid4())), 201)
    assert counting.costs == {name: cost_table()[name] for name in counting.costs}


async def test_bots_sessions_and_erasures_cost_what_the_table_says(
    stack: Stack, counting: Counting, known: list[Person], client: aiohttp.ClientSession, tidy: Tidy
) -> None:
    ann, ben, carol, dora = known
    await tidy.run()  # which notes it, so that readiness does not look for what is overdue
    of, bot = counting.of, f"/bots/{uuid.uuid4().hex}"
    again, renamed = {"displayName": "Bot"}, {"displayName": "Help Desk"}
    await of("PUT /bots/{botId}", ann.ask(bot, "PUT", again), 201)
    await of("PUT /bots/{botId} again", ann.ask(bot, "PUT", again), 200)
    await of("PUT /bots/{botId}, with another name", ann.ask(bot, "PUT", renamed), 200)
    await of("GET /bots/{botId}", ben.ask(bot), 200)
    await of("GET /bots/{botId}, nobody's", ben.ask("/bots/nobody"), 404)
    token, other = f"{bot}/token", f"{bot}/token?expiresInMinutes=90"
    await of("POST /bots/{botId}/token, not cached", ann.ask(other, "POST"), 200)
    await of("POST /bots/{botId}/token, cached", ann.ask(other, "POST"), 200)
    await of("DELETE /bots/{botId}/token", ann.ask(token, "DELETE"), 204)
    await of("DELETE /bots/{botId}", ann.ask(bot, "DELETE"), 204)
    await of("DELETE /bots/{botId} again", ann.ask(bot, "DELETE"), 204)
    exchanged = exchange(client, ann.host, ann.bearer, teams_token(stack))
    await of("POST /token/teams", exchanged, 200)
    await of("DELETE /token", ben.ask("/token", "DELETE"), 204)
    await of("GET /health/ready, soon after a run of Tidy", ann.ask("/health/ready"), 200)
    link = {"joinWebUrl": SHORT, "title": "Ours", "audience": {"users": [ben.id]}}
    await of("PUT /meetings, with one named friend", ann.ask("/meetings", "PUT", link), 201)
    await befriend(carol, ben)
    await carol.share(str(uuid.uuid4()), {"users": [ben.id]})
    one = "DELETE /user, of one friend and one shared group call"
    await of(one, carol.forget(), 204)
    await of("DELETE /user, of nobody's friend", dora.forget(), 204)
    await of("DELETE /user again", dora.forget(), 204)
    assert counting.costs == {name: cost_table()[name] for name in counting.costs}
