"""Bots are called, and are found at every turn that they can take."""

from collections.abc import Sequence

from shared.calls.dialling import Target
from shared.principals import Caller
from tests.golden.scenes.calls import raw_id
from tests.golden.stage import Stage, Step

OPERATE_BOTS = "Bots.Operate"
# What the stack's menu has: 1 connects to carol, 2 says the opening hours, 0 hangs up.
CAROL, HOURS, END, WRONG = "one", "two", "zero", "nine"
LONGER_THAN_A_LEASE = 6


class Line:
    """The line from a caller to a bot."""

    def __init__(self, stage: Stage, caller: str, bot: str) -> None:
        self._stage, self.caller, self.bot = stage, caller, bot

    async def answered(self) -> str:
        """The id of a call that the bot has just answered."""
        self._stage.wait(minutes=1)
        assert await self._stage.take(await self.ring()) == "answered"
        [newest] = (await self._stage.acs.state())["calls"][-1:]
        return str(newest["callbackUri"]).rpartition("/")[2]

    async def ring(self) -> bytes:
        return await self._stage.rings(self.caller, self.bot)

    async def greeted(self) -> str:
        """The id of a call in which the bot has begun to greet."""
        call = await self.connected()
        await self._stage.tell(call, "CallConnected", serverCallId=f"server call of {call[:4]}")
        return call

    async def connected(self) -> str:
        """The id of a call in which ACS has connected the caller, of which nobody has told yet."""
        call = await self.answered()
        await self._stage.connected(call, 1)
        return call

    async def listening(self) -> str:
        """The id of a call in which the bot has greeted, and waits for a key."""
        call = await self.greeted()
        await self.is_there(call, 1, self.caller)
        await self.done(call, "PlayCompleted")
        return call

    async def chosen(self, tone: str) -> str:
        """The id of a call whose caller has pressed a key."""
        call = await self.listening()
        await self.pressed(call, tone)
        return call

    async def pressed(self, call: str, tone: str) -> None:
        await self.done(call, "RecognizeCompleted", dtmfResult={"tones": [tone]})

    async def done(self, call: str, kind: str, **data: object) -> None:
        """ACS reports how the bot's current action has ended."""
        await self._stage.tell(call, kind, operationContext=await self.action(call), **data)

    async def action(self, call: str) -> str:
        """What the bot does just now."""
        operator = self._stage.sign_in("opie", "Opie", "Calls.Manage")
        seen = await self._stage.app.calls.get(operator, call)
        assert seen.call.bot_state is not None
        assert seen.call.bot_state.turn is not None
        return seen.call.bot_state.turn.action

    async def is_there(self, call: str, number: int, *people: str) -> None:
        """ACS tells who is in a call."""
        listed = [{"identifier": {"rawId": one}} for one in people]
        await self._stage.tell(
            call, "ParticipantsUpdated", participants=listed, sequenceNumber=number
        )


async def answer_calls_to_bots(stage: Stage) -> None:
    opie = await stage.enrol("opie", "Opie", OPERATE_BOTS)
    registered, _ = await stage.app.bots.register(opie, "desk", "Front Desk")
    for id_ in ("petra", "carol"):
        await stage.enrol(id_, id_.title())
    petra, carol = [await raw_id(stage, Target(user=id_)) for id_ in ("petra", "carol")]
    line = Line(stage, petra, registered.communication_user_id)
    await _end(stage, line)
    await _ring_and_die(stage, line)
    await _miss(stage, line)
    stage.wait(minutes=10)  # so long that those who have died do not count as calls
    await line.answered()
    await line.greeted()
    await _greet_and_die(stage, line)
    await line.listening()
    stage.wait(minutes=10)
    for tone in (HOURS, CAROL, WRONG, END):
        await line.chosen(tone)
    await _talk(stage, line, carol)
    await _call_as_somebody_else(stage, opie, line.bot)


async def _end(stage: Stage, line: Line) -> None:
    call = await line.chosen(END)
    reason = {"code": 200, "subCode": 0, "message": "The bot has hung up."}
    await stage.tell(call, "CallDisconnected", resultInformation=reason)


async def _ring_and_die(stage: Stage, line: Line) -> None:
    for step in (
        Step("tables", "batch", "after"),
        Step("tables", "update", "before"),
        Step("acs", "answerCall", "before"),
    ):
        stage.wait(minutes=1)
        await stage.killed(step, stage.take(await line.ring()))


async def _miss(stage: Stage, line: Line) -> None:
    for status in (404, 400):
        stage.wait(minutes=1)
        body = {"error": {"code": "8522", "message": "Call not found."}}
        await stage.acs.fault("answerCall", status=status, body=body, times=1)
        assert await stage.take(await line.ring()) == "missed"


async def _greet_and_die(stage: Stage, line: Line) -> None:
    """Two hosts die at the greeting; of one call another host takes over."""
    calls: Sequence[str] = [await line.connected(), await line.connected()]
    for call in calls:
        event = stage.event(await stage.connection(call), "CallConnected")
        await stage.killed(Step("acs", "play", "before"), stage.land(call, event))
        if call == calls[0]:
            stage.wait(seconds=LONGER_THAN_A_LEASE)
            await stage.land(call, event)


async def _talk(stage: Stage, line: Line, carol: str) -> None:
    call = await line.chosen(CAROL)
    await line.done(call, "AddParticipantSucceeded")
    await line.is_there(call, 2, line.caller, carol)


async def _call_as_somebody_else(stage: Stage, opie: Caller, bot: str) -> None:
    """Somebody whose only call is enough, and who finds the line busy."""
    await stage.enrol("rosa", "Rosa")
    line = Line(stage, await raw_id(stage, Target(user="rosa")), bot)
    await line.greeted()
    strict = stage.host(MAX_CALLS_PER_CALLER="1")
    assert await stage.take(await line.ring(), strict) == "busy"
