"""Changes of the rows of calls, all of a call's at once, as only time or an operator makes them."""

from datetime import timedelta

from shared.calls.row_keys import index_row
from shared.tables import CALLS
from tests.support.stack import Stack
from tests.support.storage import table

EARLIER = timedelta(hours=1)


async def make_older(stack: Stack, call: str) -> None:
    """Have all of a call have been an hour earlier: its record, its events, and its place in its
    creator's index."""
    async with table(stack, CALLS) as rows:
        record = await rows.get_entity(call, "call")
        listed = index_row(record["createdAt"], call)
        own = rows.query_entities("PartitionKey eq @call", parameters={"call": call})
        for row in [row async for row in own]:
            for name in {"createdAt", "at"} & row.keys():
                row[name] -= EARLIER
            await rows.update_entity(row)
        index = await rows.get_entity(record["creator"], listed)
        earlier = {**index, "RowKey": index_row(record["createdAt"] - EARLIER, call)}
        await rows.submit_transaction([("create", earlier), ("delete", index)])


async def remove_rows(stack: Stack, call: str) -> None:
    """Remove a call, with its events, its key and its place in its creator's index."""
    async with table(stack, CALLS) as rows:
        own = rows.query_entities(
            "PartitionKey eq @call or callId eq @call", parameters={"call": call}
        )
        for row in [row async for row in own]:
            await rows.delete_entity(row)
