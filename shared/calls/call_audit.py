"""The audit lines of calls that ACS has made or answered.

Whoever is the first to record that ACS has a call writes its line before that: the request that
heard ACS's answer, or the one that brings an event, if the answer was lost. So each call has a
line; it may have two, if the answer and an event come at the same time.
"""

from shared import audit
from shared.calls.events import RECORDING_STATE, CallEvent, is_about
from shared.calls.rows import Call
from shared.identity.identities import Identities
from shared.identity.rows import is_tombstone, principal_of
from shared.principals import Kind, Principal


def note_placed(call_id: str, creator: Principal) -> None:
    audit.record("call-placed", creator, creator, call=call_id)


def note_answered(call_id: str, bot: Principal, caller: Principal | None) -> None:
    """
    Args:
        caller: None for somebody from outside. The key of their phone number is not logged:
            somebody could try all numbers to find it.
    """
    is_outsider = caller is None or caller.kind is Kind.OUTSIDER
    audit.record(
        "call-answered", bot if is_outsider or caller is None else caller, bot, call=call_id
    )


async def note_if_established(call: Call, event: CallEvent, identities: Identities) -> None:
    """Write the line of a call if an event is the first to tell of it. No line for somebody who was
    erased meanwhile: nothing of them says who they were, and their call is ended."""
    if call.connection_id is not None or event.kind == RECORDING_STATE or not is_about(event, call):
        return
    row = await identities.row_under(call.creator)
    if row is None or is_tombstone(row):
        return
    creator = principal_of(row)
    if call.bot_state is None:
        note_placed(call.call_id, creator)
    else:
        note_answered(call.call_id, creator, await identities.owner_of(call.bot_state.caller))
