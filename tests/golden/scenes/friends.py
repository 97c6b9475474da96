"""Friendships in every state, and halves of some."""

from tests.golden.scenes.identities import other_resource
from tests.golden.stage import Stage, Step


async def make_friends(stage: Stage) -> None:
    amy = await stage.enrol("amy", "Amy Ames")
    others = {
        id_: await stage.enrol(id_, name)
        for id_, name in (
            ("bea", "Bea Bond"),
            ("carl", None),
            ("dora", "Dora Dean"),
            ("ed", "Ed Eden"),
            ("finn", "Finn Ford"),
            ("gia", "Gia Gray"),
            ("hugo", "Hugo Hart"),
            ("iris", "Iris Ivy"),
            ("joel", "Joel Jones"),
            ("kim", "Kim King"),
            ("lars", "Lars Lund"),
            ("nell", "Nell Nash"),
            ("tess", "Tess"),
        )
    }
    stage.wait(minutes=1)
    app = stage.app
    await stage.befriend(amy, *(others[id_] for id_ in ("bea", "carl", "joel", "kim", "tess")))
    for id_ in ("dora", "gia", "lars", "mona, who was never here"):
        await app.friends.add(amy, id_)
    for id_ in ("ed", "finn", "hugo", "iris", "nell"):
        await app.friends.add(others[id_], "amy")
    stage.wait(minutes=1)
    for id_ in ("finn", "gia", "joel"):
        await app.friends.remove(amy, id_, block=None)
    for id_ in ("hugo", "iris", "nell", "otto, who was never here"):
        await app.friends.remove(amy, id_, block=True)
    await app.friends.remove(amy, "nell", block=False)
    for id_ in ("kim", "lars"):
        await app.friends.remove(others[id_], "amy", block=None)
    await app.personal_data.erase(others["iris"])
    stage.wait(hours=1)
    await stage.enrol("tess", "Tess Todd")
    await _ask_and_die(stage)
    await _be_friends_on_another_resource(stage)


async def _ask_and_die(stage: Stage) -> None:
    rita = await stage.enrol("rita", "Rita Ross")
    await stage.enrol("sam", "Sam Shaw")
    step = Step("tables", "insert", "after")
    await stage.killed(step, stage.app.friends.add(rita, "sam"))


async def _be_friends_on_another_resource(stage: Stage) -> None:
    with other_resource(stage) as settings:
        here = stage.app
        stage.app = stage.host(**settings)
        olga, pete, quin = [await stage.enrol(id_, id_.title()) for id_ in ("olga", "pete", "quin")]
        await stage.befriend(olga, pete, quin)
        stage.app = here
    stage.wait(minutes=1)
    await stage.enrol("olga", "Olga")
    await stage.enrol("pete", "Pete")
