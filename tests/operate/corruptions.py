"""Faults that rows about people and shared calls may have, and the finding of the check for
each."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from shared.identity.rows import REVERSE_ROW, bot_place, bots_key, owner_key, spare_row_key
from shared.keys import key, principal_key
from shared.sharing.packed_keys import packed
from shared.stored_rows import Row
from shared.tables import AGENTS, FRIENDS, IDENTITIES, INVITATIONS, SHARED_CALLS, Value
from tests.golden.product import REALM, START, bot, user
from tests.operate.data_world import CheckedTables

type Corrupt = Callable[[CheckedTables], Awaitable[None]]
CORRUPTIONS: dict[str, tuple[Corrupt, bool]] = {}


def corruption(kind: str, *, repaired: bool) -> Callable[[Corrupt], Corrupt]:
    """The only finding after this fault, and whether a repair mends it."""

    def add(corrupt: Corrupt) -> Corrupt:
        CORRUPTIONS[f"{corrupt.__name__}: {kind}"] = corrupt, repaired
        return corrupt

    return add


async def one_of(
    tables: CheckedTables, table: str, is_wanted: Callable[[Row], object] = lambda _: True
) -> Row:
    return next(row for row in await tables.rows(table) if is_wanted(row))


async def mapping_of(tables: CheckedTables, who: str) -> Row:
    partition = principal_key(user(who))
    return next(row for row in await tables.tables[IDENTITIES].list_for(partition))


def reverse_key(mapping: Row) -> tuple[str, str]:
    return owner_key(str(mapping.values["communicationUserId"])), REVERSE_ROW


@corruption("identity-unreadable", repaired=False)
async def a_mapping_without_its_generation(tables: CheckedTables) -> None:
    row = await mapping_of(tables, "owen")
    values: dict[str, Value] = {
        name: value for name, value in row.values.items() if name != "generation"
    }
    await tables.tables[IDENTITIES].replace(row, values)


@corruption("mapping-without-reverse", repaired=True)
async def a_reverse_row_is_lost(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].remove(*reverse_key(await mapping_of(tables, "owen")))


@corruption("identity-of-two", repaired=False)
async def two_people_have_one_identity(tables: CheckedTables) -> None:
    owen, mara = await mapping_of(tables, "owen"), await mapping_of(tables, "mara")
    same = {"communicationUserId": owen.values["communicationUserId"]}
    await tables.tables[IDENTITIES].remove(*reverse_key(mara))
    await tables.tables[IDENTITIES].merge(mara, same)


@corruption("mapping-misplaced", repaired=False)
async def a_mapping_says_that_it_is_of_another(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].merge(await mapping_of(tables, "owen"), {"id": "nobody"})


@corruption("reverse-without-mapping", repaired=True)
async def an_identity_without_a_mapping(tables: CheckedTables) -> None:
    values: dict[str, Value] = {
        "principal": key("x"),
        "communicationUserId": "8:acs:x",
        "createdAt": START,
    }
    await tables.tables[IDENTITIES].put(owner_key("8:acs:x"), REVERSE_ROW, values)


@corruption("reverse-without-mapping", repaired=True)
async def an_identity_without_a_mapping_of_an_earlier_version(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].put(owner_key("8:acs:x"), REVERSE_ROW, {"principal": key("x")})


@corruption("reverse-without-mapping", repaired=False)
async def a_reverse_row_names_another_than_has_the_identity(tables: CheckedTables) -> None:
    mara = await mapping_of(tables, "mara")
    row = await tables.tables[IDENTITIES].find(*reverse_key(mara))
    assert row is not None
    await tables.tables[IDENTITIES].merge(row, {"principal": principal_key(user("owen"))})


@corruption("spare-left", repaired=True)
async def a_spare_is_left(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"communicationUserId": "8:acs:x", "createdAt": START}
    owen = principal_key(user("owen"))
    await tables.tables[IDENTITIES].put(owen, spare_row_key("8:acs:x"), values)
    reverse: dict[str, Value] = {"principal": owen, **values}
    await tables.tables[IDENTITIES].put(owner_key("8:acs:x"), REVERSE_ROW, reverse)


@corruption("spare-left", repaired=False)
async def the_spare_of_an_identity_that_is_in_use(tables: CheckedTables) -> None:
    owen = await mapping_of(tables, "owen")
    user_id = str(owen.values["communicationUserId"])
    values: dict[str, Value] = {"communicationUserId": user_id, "createdAt": START}
    await tables.tables[IDENTITIES].put(owen.partition_key, spare_row_key(user_id), values)


@corruption("erasure-unfinished", repaired=True)
async def an_erasure_was_begun(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].merge(await mapping_of(tables, "rolf"), {"state": "erasing"})


def is_accepted(row: Row) -> bool:
    return row.values["state"] == "accepted"


@corruption("friendship-unreadable", repaired=False)
async def a_decision_that_there_is_not(tables: CheckedTables) -> None:
    row = await one_of(tables, FRIENDS, lambda row: row.values["state"] == "hidden")
    await tables.tables[FRIENDS].merge(row, {"mine": "perhaps"})


@corruption("friendship-state-wrong", repaired=True)
async def a_state_that_the_decisions_do_not_give(tables: CheckedTables) -> None:
    await tables.tables[FRIENDS].merge(
        await one_of(tables, FRIENDS, is_accepted), {"state": "hidden"}
    )


@corruption("friendship-yes-withdrawn", repaired=True)
async def half_of_a_friendship_is_lost(tables: CheckedTables) -> None:
    row = await one_of(tables, FRIENDS, lambda row: row.values["state"] == "requested")
    await tables.tables[FRIENDS].remove_unchanged(row)


@corruption("friendship-yes-not-copied", repaired=False)
async def a_request_does_not_reach_the_friend(tables: CheckedTables) -> None:
    row = await one_of(tables, FRIENDS, lambda row: row.values["state"] == "incoming")
    await tables.tables[FRIENDS].remove_unchanged(row)


@corruption("friendship-of-erased", repaired=True)
async def the_block_of_who_was_erased(tables: CheckedTables) -> None:
    """An erasure would have removed it if it had seen it."""
    gone, other = principal_key(user("gone for good")), principal_key(user("owen"))
    resource = (await mapping_of(tables, "owen")).row_key
    await tables.tables[IDENTITIES].put(gone, resource, {"erasedAt": START})
    decided: dict[str, Value] = {
        "mine": "block",
        "mineSeq": 1,
        "theirs": "none",
        "theirsSeq": 0,
        "state": "hidden",
    }
    await tables.tables[FRIENDS].put(gone, other, decided)


@corruption("friendship-over", repaired=True)
async def a_request_that_was_withdrawn_in_an_earlier_version(tables: CheckedTables) -> None:
    owen, mara = principal_key(user("owen")), principal_key(user("a stranger"))
    no: dict[str, Value] = {"mine": "no", "mineSeq": 2, "theirs": "none", "theirsSeq": 0}
    copy: dict[str, Value] = {"mine": "none", "mineSeq": 0, "theirs": "no", "theirsSeq": 2}
    for keys, half, friend in (((owen, mara), no, "a stranger"), ((mara, owen), copy, "owen")):
        await tables.tables[FRIENDS].put(*keys, {**half, "friendId": friend, "state": "hidden"})


def lists(title: str, role: str) -> Callable[[Row], bool]:
    return lambda row: (row.values.get("title"), row.values["role"]) == (title, role)


def is_titled(title: str) -> Callable[[Row], bool]:
    return lambda row: row.values.get("title") == title


@corruption("listing-unreadable", repaired=False)
async def a_role_that_there_is_not(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].merge(row, {"role": "guest"})


@corruption("listing-without-record", repaired=True)
async def a_record_is_lost_that_lists_only_its_owner(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Not listed"))
    await tables.tables[SHARED_CALLS].remove_unchanged(row)


@corruption("listing-without-record", repaired=True)
async def somebody_is_listed_whom_the_record_does_not_name(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].put(key("somebody"), row.row_key, row.values)


@corruption("listing-outdated", repaired=True)
async def a_listing_has_another_title(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].merge(row, {"title": "Choir"})


@corruption("shared-call-unreadable", repaired=False)
async def a_locator_that_is_no_json(tables: CheckedTables) -> None:
    """Of a call that no row lists, so that only the record is found."""
    record = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    for listing in await tables.rows(INVITATIONS):
        if listing.row_key == record.partition_key:
            await tables.tables[INVITATIONS].remove_unchanged(listing)
    await tables.tables[SHARED_CALLS].merge(record, {"locator": "{"})


@corruption("record-without-listing", repaired=True)
async def a_listing_is_lost(tables: CheckedTables) -> None:
    row = await one_of(tables, INVITATIONS, lists("Choir ♫", "invitee"))
    await tables.tables[INVITATIONS].remove_unchanged(row)


@corruption("unshared-call-left", repaired=True)
async def a_record_of_what_is_shared_no_more(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    kept = ("sharing", "owner", "realm", "provenAt", "consent", "invitees", "leaving", "space")
    values: dict[str, Value] = {name: row.values[name] for name in (*kept, "formerSpace")}
    await tables.tables[SHARED_CALLS].replace(row, values)


@corruption("shared-call-over", repaired=True)
async def a_call_was_over_last_week(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    over = {name: tables.now - timedelta(days=7) for name in ("startsAt", "endsAt", "sharedAt")}
    await tables.tables[SHARED_CALLS].merge(row, over)


@corruption("invitee-without-consent", repaired=True)
async def somebody_is_invited_who_is_no_friend(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Choir ♫"))
    stranger = key("a stranger")
    await tables.tables[SHARED_CALLS].merge(
        row, {"invitees": packed(frozenset({str(row.values["invitees"])[:64], stranger}))}
    )


@corruption("shared-by-erased", repaired=True)
async def who_shared_it_was_erased_since(tables: CheckedTables) -> None:
    row = await one_of(tables, SHARED_CALLS, is_titled("Not listed"))
    owner = str(row.values["owner"])
    mapping = (await tables.tables[IDENTITIES].list_for(owner))[0]
    await tables.tables[IDENTITIES].merge(mapping, {"erasedAt": tables.now})


@corruption("agent-unreadable", repaired=False)
async def an_agent_without_a_tenant(tables: CheckedTables) -> None:
    row = await one_of(tables, AGENTS, lambda row: row.values["state"] == "added")
    values: dict[str, Value] = {
        name: value for name, value in row.values.items() if name != "tenant"
    }
    await tables.tables[AGENTS].replace(row, values)


@corruption("agent-misplaced", repaired=False)
async def an_agent_is_under_anothers_key(tables: CheckedTables) -> None:
    row = await one_of(tables, AGENTS, lambda row: row.values["state"] == "added")
    await tables.tables[AGENTS].merge(row, {"objectId": "another"})


@corruption("agent-unfinished", repaired=True)
async def an_agent_whom_nobody_goes_on_adding(tables: CheckedTables) -> None:
    row = await one_of(tables, AGENTS, lambda row: row.values["state"] == "added")
    await tables.tables[AGENTS].merge(row, {"state": "adding", "attempt": "killed"})


@corruption("agent-of-no-realm", repaired=True)
async def an_issuer_is_taken_out_of_the_settings(tables: CheckedTables) -> None:
    tables.realms.remove(REALM)


@corruption("bot-without-place", repaired=True)
async def a_bot_is_not_counted(tables: CheckedTables) -> None:
    await tables.tables[IDENTITIES].remove(bots_key(REALM), bot_place(bot("concierge")))


@corruption("bot-place-without-bot", repaired=True)
async def a_place_is_of_no_bot(tables: CheckedTables) -> None:
    values: dict[str, Value] = {"createdAt": START}
    await tables.tables[IDENTITIES].put(bots_key(REALM), bot_place(bot("nobody")), values)
