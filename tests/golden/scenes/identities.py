"""People, services and bots get identities, new names and new tokens, and are erased."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from shared.principals import Kind, Principal
from tests.devstack.acs_emulator.acs_fixtures import running_emulator
from tests.golden.product import ENTRA_REALM, REALM, bot, user
from tests.golden.stage import Stage, Step

OPERATE_BOTS = "Bots.Operate"
# The immutable id of an ACS resource that was used before.
OTHER_RESOURCE = "acde0000-0000-4000-8000-00000000707f"
# A user id of everything that has a meaning to somebody.
ODD_ID = "Zoë/../✓ |#?%2F\\'\" 😀"


async def enrol_people(stage: Stage) -> None:
    await stage.enrol("ada", "Ada Adams")
    await stage.enrol("ben")
    await stage.enrol(ODD_ID, "Zoë ✓")
    await stage.enrol(user("gus", ENTRA_REALM), "Gus Green")
    await stage.enrol(Principal(Kind.SERVICE, REALM, "nightly-job"))
    await _rename(stage)
    await _revoke_and_heal(stage)
    await _register_bots(stage)
    await _erase(stage)
    await _move_to_another_resource(stage)
    # Its host dies before the mapping comes: only the identity is on record.
    await stage.killed(Step("tables", "insert", "after"), stage.enrol("lou", "Lou Lane"))


async def _rename(stage: Stage) -> None:
    await stage.enrol("cleo", "Cleo")
    await stage.enrol("dan", "Dan")
    await stage.enrol("dot", "Dot")
    stage.wait(hours=1)
    await stage.enrol("cleo", "Cleo Clark")
    await stage.enrol("dot", "Dot Dale")
    # The host that dies here has noted the name, and told no friend of it.
    await stage.killed(Step("acs", "issue", "before"), stage.enrol("dan", "Dan Davis"))
    stage.wait(hours=1)
    await stage.killed(Step("acs", "issue", "before"), stage.enrol("dot", "Dot Dunn"))


async def _revoke_and_heal(stage: Stage) -> None:
    eli = await stage.enrol("eli", "Eli East")
    await stage.app.tokens.revoke(eli, eli.principal)
    await stage.enrol("fay", "Fay Fox")
    stage.wait(hours=1)
    gone = {"error": {"code": "IdentityNotFound", "message": "Provided identity doesn't exist."}}
    await stage.acs.fault("issue", status=404, body=gone, times=1)
    await stage.enrol("fay", "Fay Fox")


async def _register_bots(stage: Stage) -> None:
    operator = await stage.enrol("opal", "Opal Otis", OPERATE_BOTS)
    await stage.app.bots.register(operator, "help desk", "Help Desk")
    await stage.app.bots.register(operator, "door", "Door")
    stage.wait(minutes=1)
    await stage.app.bots.register(operator, "door", "Concierge")
    await stage.app.tokens.revoke(operator, bot("door"))


async def _erase(stage: Stage) -> None:
    hal = await stage.enrol("hal", "Hal Hall")
    await stage.killed(Step("acs", "delete", "before"), stage.app.personal_data.erase(hal))
    await stage.app.personal_data.erase(await stage.enrol("ida", "Ida Ives"))
    await stage.app.personal_data.erase(stage.sign_in("kay"))  # who never had an identity
    await stage.app.personal_data.erase(await stage.enrol("jon", "Jon Jay"))
    stage.wait(minutes=1)
    await stage.enrol("jon", "Jon Jay the Second")


async def _move_to_another_resource(stage: Stage) -> None:
    with other_resource(stage) as settings:
        app, before = stage.host(**settings), stage.app
        stage.app = app
        await stage.enrol("max", "Max Moore")
        await stage.enrol("nina", "Nina North")
        stage.app = before
    stage.wait(minutes=1)
    await stage.enrol("max", "Max Moore")


@contextmanager
def other_resource(stage: Stage) -> Iterator[dict[str, str]]:
    """The settings of an app that uses another ACS resource, which is there for so long."""
    with (
        TemporaryDirectory() as folder,
        running_emulator(Path(folder), REALM, "--resource-id", OTHER_RESOURCE) as emulator,
    ):
        key = stage.environment["COMMUNICATION_CONNECTION_STRING"].partition(";")[2]
        yield {
            "COMMUNICATION_CONNECTION_STRING": f"endpoint={emulator.url};{key}",
            "COMMUNICATION_RESOURCE_ID": OTHER_RESOURCE,
        }
