"""Teams resource accounts: Teams accounts with a phone number that no person signs in to. This
service calls as such accounts, and answers for them (the setting `TEAMS_RESOURCE_ACCOUNTS`)."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from shared.principals import MAX_ID_LENGTH
from shared.settings_reader import E164, SettingsReader, is_guid
from shared.texts import is_plain, is_unicode

SETTING = "TEAMS_RESOURCE_ACCOUNTS"
MAX_NAME_LENGTH = 64
_EXAMPLE = '[{"id": "an object id", "tenant": "its tenant\'s id"}]'
_KNOWN = ("id", "tenant", "name", "number", "bot")
# How ACS spells an account whose number is called: reference "Inbound".
_RAW_ID = "28:orgid:"


class ResourceAccount(NamedTuple):
    """
    Attributes:
        id: its Entra object id.
        tenant: the Entra tenant that it belongs to.
        name: the name by which callers choose it; or empty.
        number: its phone number in E.164; or empty. Teams knows it, so ACS is not told.
        bot: id of the bot that answers calls to it; or empty.
    """

    id: str
    tenant: str
    name: str = ""
    number: str = ""
    bot: str = ""

    def __repr__(self) -> str:
        return "ResourceAccount(…)"

    @property
    def raw_id(self) -> str:
        return account_raw_id(self.id)

    def realm_among(self, realms: Collection[str]) -> str | None:
        """The realm that has it, and whose bot answers for it: that of its tenant, or else the only
        one; None if nobody can tell.

        Args:
            realms: all realms whose people sign in here.
        """
        own = f"entra:{self.tenant}"
        if own in realms:
            return own
        return next(iter(realms)) if len(set(realms)) == 1 else None


def account_raw_id(account_id: str) -> str:
    """ACS's raw id of an account, by its object id."""
    return f"{_RAW_ID}{account_id}"


def accounts_by_realm(
    accounts: Iterable[ResourceAccount], realms: Collection[str]
) -> Mapping[str, Sequence[ResourceAccount]]:
    """The accounts of each realm; to all other realms they do not exist.

    Args:
        realms: all realms whose people sign in here.
    """
    found: dict[str, list[ResourceAccount]] = {}
    for account in accounts:
        realm = account.realm_among(realms)
        if realm is not None:
            found.setdefault(realm, []).append(account)
    return found


def read_resource_accounts(reader: SettingsReader) -> tuple[ResourceAccount, ...]:
    entries = reader.objects(SETTING, _EXAMPLE)
    accounts = [_read_entry(entry, f"{SETTING}[{n}]", reader) for n, entry in enumerate(entries)]
    _check_unique([one.id for one in accounts], "id", reader)
    _check_unique([one.name for one in accounts if one.name], "name", reader)
    _check_unique([one.number for one in accounts if one.number], "number", reader)
    if len(accounts) > 1 and not all(one.name for one in accounts):
        reader.fault(SETTING, "has several accounts, so each needs a name, by which calls pick one")
    return tuple(accounts)


def _read_entry(entry: Mapping[str, object], label: str, reader: SettingsReader) -> ResourceAccount:
    if not entry.keys() <= set(_KNOWN):  # not quoted: it may be somebody's number
        reader.fault(label, f"has something unknown; known: {', '.join(_KNOWN)}")
    values = dict(_values(entry))
    for name, is_good, needed in (
        ("id", is_guid(values["id"]), "a GUID (the account's object id)"),
        ("tenant", is_guid(values["tenant"]), "a GUID (the account's tenant)"),
        ("name", _is_name(values["name"]), f"a text of at most {MAX_NAME_LENGTH} characters"),
        ("number", _is_number(values["number"]), "a number such as +14255550100"),
        ("bot", _is_bot(values["bot"]), f"a bot's id, of at most {MAX_ID_LENGTH} characters"),
    ):
        if not is_good:
            reader.fault(f"{label}.{name}", f"is not {needed}")
    return ResourceAccount(
        values["id"].lower(),
        values["tenant"].lower(),
        values["name"],
        values["number"],
        values["bot"],
    )


def _values(entry: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Each known value; one that is no text becomes a text that every check refuses."""
    for name in _KNOWN:
        value = entry.get(name, "")
        yield name, value if isinstance(value, str) else "\0" * (MAX_ID_LENGTH + 1)


def _is_name(name: str) -> bool:
    return len(name) <= MAX_NAME_LENGTH and is_plain(name)


def _is_number(number: str) -> bool:
    return not number or re.fullmatch(E164, number) is not None


def _is_bot(bot: str) -> bool:
    return len(bot) <= MAX_ID_LENGTH and is_unicode(bot)


def _check_unique(values: list[str], what: str, reader: SettingsReader) -> None:
    if len(set(values)) < len(values):
        reader.fault(SETTING, f"has the same {what} twice")
