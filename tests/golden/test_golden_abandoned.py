"""A call that was being given up when its host died is no call: its key is good for another."""

from shared.calls.dialling import Target
from tests.golden.client import refusal
from tests.golden.conftest import Changing, SignIn
from tests.support.control import Control


async def test_the_key_of_a_call_that_was_being_given_up_begins_another(
    sign_in: SignIn, acs: Control, changing: Changing
) -> None:
    changing("calls")
    yara = sign_in("yara", "Calls.Manage")
    [given_up] = await yara.calls()
    await acs.fault("createCall", status=400)

    assert await refusal(yara.place("given up", Target(user="zelda"))) == "call-refused"

    [another] = await yara.calls()
    assert another["id"] != given_up["id"]
    assert await refusal(yara.call(given_up["id"])) == "not-found"
