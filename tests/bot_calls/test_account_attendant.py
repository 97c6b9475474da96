"""Each bot has its own greeting and menu; and the people to whom bots connect callers of a Teams
account."""

import pytest

from shared.bot_calls.choices import Connect, ConnectAgent, HangUp
from shared.bot_calls.scripts import BotScript, Menu
from shared.bot_calls.settings import BotCallSettings
from shared.calls import reasons
from shared.calls.rows import ActionState
from tests.bot_calls.attendant_world import BOT, CALLER, CAROL, SETTINGS, World, world

__all__ = ["world"]

ACCOUNT = "aaaaaaaa-0000-4000-8000-00000000000a"
AGENT = "cccccccc-0000-4000-8000-00000000000c"
AGENT_RAW_ID = f"8:acs:resource_tenant_{AGENT}"
MENU = Menu("", {"1": Connect("carol"), "3": ConnectAgent(AGENT), "0": HangUp()})
HELPDESK = BotScript("https://a.example/helpdesk.wav", "de-DE-KatjaNeural", MENU)
EACH_ITS_OWN = SETTINGS._replace(bots={"helpdesk": HELPDESK})


async def presses(world: World, tone: str, settings: BotCallSettings = EACH_ITS_OWN) -> None:
    """The caller hears the greeting, and presses a key."""
    host = world.host(settings)
    await world.tell(host, world.event("CallConnected"))
    await world.tell(host, world.done("PlayCompleted"))
    await world.tell(host, world.pressed(tone))


@pytest.mark.parametrize(
    ("bot", "said"),
    [("helpdesk", "https://a.example/helpdesk.wav"), ("sales", "Welcome."), ("", "Welcome.")],
)
async def test_a_bot_says_its_own_greeting_or_that_of_all(
    world: World, bot: str, said: str
) -> None:
    await world.answered(bot_id=bot)

    await world.tell(world.host(EACH_ITS_OWN), world.event("CallConnected"))

    assert [one.said for one in world.acs.asked] == [said]


async def test_the_keys_of_a_bot_are_those_of_its_own_menu(world: World) -> None:
    await world.answered(bot_id="helpdesk")

    await presses(world, "two")  # which says something in the menu of all

    assert world.asked == ["play", "listen", "listen"]


async def test_an_agent_is_connected_to_the_caller_of_an_account(world: World) -> None:
    await world.answered(ACCOUNT, "helpdesk")
    world.agents[(world.realm, AGENT, ACCOUNT)] = AGENT_RAW_ID

    await presses(world, "three")

    assert world.asked == ["play", "listen", "add"]
    assert world.acs.asked[-1].said == AGENT_RAW_ID
    bot_state = (await world.call()).bot_state
    assert bot_state is not None
    assert bot_state.guests == (CALLER, AGENT_RAW_ID)
    assert bot_state.bot == "helpdesk"


async def test_an_agent_is_rung_once_also_by_the_request_after_one_that_died(world: World) -> None:
    await world.answered(ACCOUNT, "helpdesk")
    world.agents[(world.realm, AGENT, ACCOUNT)] = AGENT_RAW_ID
    host = world.host(EACH_ITS_OWN)
    await world.tell(host, world.event("CallConnected"))
    await world.tell(host, world.done("PlayCompleted"))
    call, told = await world.call(), world.pressed("three")
    await world.records.apply(call, told)
    world.acs.failures = [TimeoutError()]
    with pytest.raises(TimeoutError):
        await host.resume(call)
    world.clock.pass_seconds(6)

    await host.resume(call)

    first, again = [one for one in world.acs.asked if one.what == "add"]
    assert first.repeatability == again.repeatability
    assert first.context == again.context


@pytest.mark.parametrize(
    ("account", "key", "why"),
    [
        (ACCOUNT, "one", reasons.AGENTS_ONLY),
        (ACCOUNT, "three", reasons.NOBODY_TO_CONNECT),  # nobody has added the agent
        (None, "three", reasons.NO_AGENTS),
    ],
)
async def test_who_cannot_be_in_the_call_is_not_connected_and_the_menu_comes_again(
    world: World, account: str | None, key: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    await world.answered(account, "helpdesk")

    await presses(world, key)

    # What somebody presses may be secret, so no log tells it.
    [logged] = [one for one in caplog.records if one.name.startswith("shared.bot_calls")]
    assert logged.getMessage().startswith("a menu connects to ")
    assert not any(character.isdigit() for character in logged.getMessage())
    assert world.asked == ["play", "listen", "listen"]
    [failed] = [
        one for one in (await world.call()).actions.values() if one.state is ActionState.FAILED
    ]
    assert failed.reason is not None
    assert failed.reason.words == why


async def test_a_bot_of_many_connects_callers_without_teams_to_people(world: World) -> None:
    await world.answered(bot_id="helpdesk")

    await presses(world, "one")

    assert world.acs.asked[-1].said == CAROL


@pytest.mark.parametrize(("account", "wanted"), [(ACCOUNT, "hang up"), (None, "leave")])
async def test_nobody_is_left_alone_in_the_call_of_an_account(
    world: World, account: str | None, wanted: str
) -> None:
    """In such a call, ACS may list the service and the caller by any id. In a call without an
    account, somebody else in the call means that the bot was added to it."""
    await world.answered(account, "helpdesk")
    listed = [
        {"identifier": {"rawId": one}} for one in (CALLER, BOT, "8:acs:of-whom-we-know-nothing")
    ]
    host = world.host(EACH_ITS_OWN)
    await world.tell(host, world.event("ParticipantsUpdated", participants=listed))

    await presses(world, "zero")

    assert world.asked[-1] == wanted
