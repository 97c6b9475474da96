"""ACS does what a bot asks, and the answer is lost: the request is sent again, and may be done
again."""

from tests.bot_calls.incoming import CAROL, HOURS, Line, kinds, pressed, subscribe
from tests.bot_calls.incoming_fixtures import alice, carol, line
from tests.calls.test_calls import has
from tests.support.people import Person
from tests.support.stack import Host

__all__ = ["alice", "carol", "line"]


async def test_a_caller_presses_each_key_of_their_choice_although_answers_are_lost(
    line: Line, one_host: Host, alice: Person, carol: Person
) -> None:
    for operation in ("answerCall", "play", "recognize", "addParticipant"):
        await line.acs.fault(operation, drop="after", times=1)
    await subscribe(line.acs, one_host)

    ringing = await line.ring(alice, HOURS, CAROL)

    seen = await line.seen(has(2))
    assert pressed(seen) == [HOURS, CAROL]
    assert kinds(seen)["AddParticipantSucceeded"] == 1
    assert len(await line.in_acs(ringing)) == 1
