"""Calls of Teams resource accounts are found with their accounts, and calls with the bots they are
answered by."""

from shared.app import App
from tests.golden.conftest import SignIn
from tests.golden.scenes.accounts import ACCOUNT, PHONE

PLACED = "398087395b1f4bc9be221758d6a8c86f"
RINGING = "48c11a1b47244fc797c00560efc56969"
ANSWERED = "b4ddd653bab64e82aab5c4450fdd542e"


async def test_a_call_of_an_account_is_asked_for_again_as_the_account(app: App) -> None:
    call = await app.call_records.find(PLACED)

    assert call is not None
    assert (call.account, call.targets) == (ACCOUNT, (f"4:{PHONE}",))
    assert call.may_have_reached_acs


async def test_a_call_that_rings_at_an_account_goes_on_with_its_bot(app: App) -> None:
    call = await app.call_records.find(RINGING)

    assert call is not None
    assert call.account == ACCOUNT
    assert call.bot_state is not None
    assert (call.bot_state.bot, call.bot_state.guests) == ("front desk", (f"4:{PHONE}",))


async def test_the_record_tells_who_answered(app: App, sign_in: SignIn) -> None:
    call = await app.call_records.find(ANSWERED)

    assert call is not None
    assert call.account is None
    assert call.bot_state is not None
    assert call.bot_state.bot == "back office"
    manager = sign_in("inka", "Calls.Manage")
    for bot, call_id in (("front desk", RINGING), ("back office", ANSWERED)):
        [listed] = await manager.calls(bot)
        assert listed["id"] == call_id
