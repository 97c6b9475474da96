"""Group calls are shared with friends, with named people and in spaces, changed and taken back."""

from datetime import timedelta

from shared.app import App
from shared.principals import Caller
from shared.sharing.audiences import Audience
from shared.sharing.rows import CallKind, call_key
from tests.golden.product import START
from tests.golden.stage import Stage, Step

MANAGE_CALLS = "Calls.Manage"
FRIENDS = Audience(friends=True)
EVENING, NIGHT = START + timedelta(hours=6), START + timedelta(hours=8)


def group(number: int) -> str:
    """The group id of a call."""
    return f"acde0000-0000-4000-8000-0000000ca1{number:02}"


def named(*users: str) -> Audience:
    return Audience(users=users)


def in_space(space: str) -> Audience:
    return Audience(space=space)


async def share_calls(stage: Stage) -> None:
    owen = await stage.enrol("owen", "Owen Oaks")
    pia, quentin = await stage.enrol("pia", "Pia Park"), await stage.enrol("quentin", "Quentin")
    await stage.enrol("rolf", "Rolf Reed")
    mara = await stage.enrol("mara", "Mara Mills", MANAGE_CALLS)
    una = await stage.enrol("una")
    await stage.befriend(owen, pia, quentin)
    await stage.befriend(una, pia)
    stage.wait(minutes=1)
    share = stage.app.group_calls.share
    await share(owen, group(1), "Choir ♫", EVENING, NIGHT, FRIENDS)
    await share(owen, group(2), None, None, None, named("pia"))
    await share(owen, group(3), "Open house", EVENING, None, in_space("lounge"))
    await share(mara, group(4), "Fire drill", None, None, named("pia", "rolf"))
    await share(una, group(5), "Breakfast", START, START + timedelta(hours=1), FRIENDS)
    await _change_and_die(stage, owen)
    await _take_back_and_die(stage, owen)
    await _part_and_die(stage)


async def _change_and_die(stage: Stage, owen: Caller) -> None:
    """The record says so already, the rows of those who were invited before are still there."""
    await stage.killed(
        Step("tables", "update", "after"),
        stage.app.group_calls.share(owen, group(6), "Only begun", None, None, named("pia")),
    )
    await stage.killed(
        Step("tables", "insert", "after"),
        stage.app.group_calls.share(owen, group(7), "Not listed", None, None, named("pia")),
    )
    await _reshared(stage, owen, 8, named("pia", "quentin"), named("quentin"))
    await _reshared(stage, owen, 9, in_space("garden"), named("pia"))


async def _reshared(
    stage: Stage, owen: Caller, number: int, first: Audience, second: Audience
) -> None:
    def share(app: App, audience: Audience) -> object:
        return app.group_calls.share(owen, group(number), "Changed", None, None, audience)

    await stage.app.group_calls.share(owen, group(number), "Changed", None, None, first)
    stage.wait(minutes=1)
    await stage.killed(
        Step("tables", "update", "after"),
        stage.app.group_calls.share(owen, group(number), "Changed", None, None, second),
    )


async def _take_back_and_die(stage: Stage, owen: Caller) -> None:
    """The record says that nothing is shared; the rows are still there."""
    await _unshared(stage, owen, 10, named("pia"), None)
    await _unshared(stage, owen, 11, named("pia", "quentin"), named("quentin"))
    await _unshared(stage, owen, 12, in_space("garden"), named("pia"))
    await _unshared(stage, owen, 13, named("quentin"), in_space("garden"))


async def _unshared(
    stage: Stage, owen: Caller, number: int, first: Audience, second: Audience | None
) -> None:
    if second is None:
        await stage.app.group_calls.share(owen, group(number), "Over", None, None, first)
    else:
        await _reshared(stage, owen, number, first, second)
    call = call_key(owen.principal, CallKind.GROUP_CALL, group(number))
    await stage.killed(Step("tables", "update", "after"), stage.app.group_calls.unshare(owen, call))


async def _part_and_die(stage: Stage) -> None:
    vera, walt = await stage.enrol("vera", "Vera Vale"), await stage.enrol("walt", "Walt West")
    await stage.befriend(vera, walt)
    await stage.app.group_calls.share(vera, group(14), "Book club", None, None, FRIENDS)
    stage.wait(minutes=1)
    # Of what a withdrawal updates, the third is the record that names who is leaving.
    await stage.killed(
        Step("tables", "update", "after", skip=2),
        stage.app.friends.remove(walt, "vera", block=None),
    )
