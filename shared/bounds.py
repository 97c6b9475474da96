"""Every limit on what one caller can store here, and ask for: all of them, in one place.

The rules take their numbers from here, and each function names its limits in its OPERATION. From
both are made `x-limits` in docs/openapi.json, and docs/limits.md.
"""

from typing import NamedTuple

from shared.problems import (
    BodyTooLarge,
    InvalidRequest,
    Problem,
    Throttled,
    TooManyActions,
    TooManyAgents,
    TooManyBots,
    TooManyCalls,
    TooManyFriends,
    TooManyLegs,
    TooManyShared,
    TooManyUnanswered,
    Unauthenticated,
)


class Limit(NamedTuple):
    """One limit. The number itself is still allowed.

    Attributes:
        name: identifies it in the description; it never changes.
        number: the most that there may be; where there is a setting, its default.
        what: what is counted, in words that follow the number.
        problem: the problem that refuses one more.
        setting: the setting that changes the number; "" if there is none.
        is_per_host: whether each host counts alone, so that n hosts allow n times as many.
    """

    name: str
    number: int
    what: str
    problem: type[Problem]
    setting: str = ""
    is_per_host: bool = False


def _per_minute(name: str, number: int, what: str) -> Limit:
    """Counted by a `Budget`, in the memory of each host: a count over all hosts would cost each
    request a write."""
    return Limit(name, number, f"{what} a minute", Throttled, is_per_host=True)


# For every request. They limit what it costs to read it, before its caller is known.
BODY = Limit("body", 16 * 1024, "bytes of a body", BodyTooLarge)
# Values are dear to validate (120,000 unknown fields take 80 ms) and cheap to count. The largest
# contract has 350 ids in a list, or 50 objects of three fields.
BODY_VALUES = Limit("body-values", 1000, "values in a body of over 4 KiB", InvalidRequest)
PARAMETERS = Limit("parameters", 100, "parameters in a query string", InvalidRequest)
BEARER_TOKEN = Limit("bearer-token", 16 * 1024, "characters of a bearer token", Unauthenticated)

# For tokens. ACS allows the whole resource 1,000 tokens, 500 revocations and 500 exchanges in 30
# seconds: on 20 hosts one person gets 400 a minute.
NEW_TOKENS = _per_minute("new-tokens", 20, "fresh tokens for one person or bot")
TEAMS_TOKENS = _per_minute("teams-tokens", 20, "exchanges of Teams tokens")
REVOCATIONS = _per_minute("revocations", 20, "revocations for one person or bot")
# A fault in ACS could make it say that it knows no identity: then we must not create new ones
# without end.
HEALS = _per_minute("heals", 3, "replacements of an identity that ACS has lost")

# For what is stored about the caller: an export and an erasure read all of it.
EXPORTS = _per_minute("exports", 20, "exports")
ERASURES = _per_minute("erasures", 20, "erasures")

# Each bot is an identity in ACS. So many are counted with six queries for a new one.
BOTS = Limit("bots", 5000, "bots of the caller's realm", TooManyBots)
BOT_CHANGES = _per_minute("bot-changes", 120, "bots that an operator registers, renames or erases")

# For agents: each is an assignment in ACS. So many are counted with six queries for a new one.
AGENTS = Limit("agents", 5000, "agents of the caller's realm", TooManyAgents)
AGENT_CHANGES = _per_minute("agent-changes", 120, "agents that somebody adds or removes")

# For friends. Each decision about somebody is stored in two rows. A no counts for 50 minutes
# (`shared.friends.rows.NO_TOLD`). How long its row stays does not matter, because that depends on
# the other person. We count only before a request, an accept and a block. To count again after the
# write would cost up to five more queries, and the exact number does not matter.
FRIENDS = Limit(
    "friends", 5000, "friends, requests, blocks and what was withdrawn just now", TooManyFriends
)
# Stops somebody who sends requests to a whole directory.
UNANSWERED = Limit("unanswered", 100, "friend requests without an answer", TooManyUnanswered)
DECISIONS = _per_minute("decisions", 300, "changes of friends")

# For shared calls. ACS allows 350 participants in a call.
SHARED = Limit("shared", 100, "calls and meetings that are shared and not over", TooManyShared)
IN_SPACE = Limit("in-space", 10, "of the caller's calls and meetings in one space", TooManyShared)
INVITEES = Limit("invitees", 350, "people with whom a call is shared", InvalidRequest)
SHARINGS = _per_minute("sharings", 120, "sharings")
# Any number of owners share in one space, and all friends of a person share with that person: each
# listing reads up to 10,000 rows, in ten queries. A page that looks every three seconds has six
# windows.
LISTINGS = _per_minute("listings", 120, "lists of invitations")

# For calls that the service places.
LIVE_CALLS = Limit(
    "live-calls", 5, "calls that go on at the same time", TooManyCalls, "MAX_CALLS_PER_CALLER"
)
# Calls to one Teams resource account that go on at the same time, from all callers together. Each
# caller has a limit, but one person may call from many numbers, and the owner of the resource pays.
# One more caller is not answered, and hears that the line is busy. The setting is
# MAX_CALLS_PER_ACCOUNT. A large office has that many at its busiest.
CALLS_TO_ACCOUNT = 100
# What the settings can raise the limits of calls to, which are counted in one property of a row: an
# id of a call takes 49 of its 32,768 characters, and a leg 38.
MOST_COUNTED = 500
# Calls to one bot may be turned away because too many go on. Each host keeps the records of so many
# of them a minute, until `Tidy` removes them some minutes later. From a record a repeated delivery
# gets the same answer, and an operator sees that a line is full. Further calls leave no record:
# anybody may make any number, and `Tidy` handles 800 intents in five minutes.
TURNED_AWAY_KEPT = 20
# Minutes of a bot's part in a call, from its ringing until the bot has connected the caller to
# somebody. Without this limit, a caller who presses one key after the other would hold a place of
# an account for as long as the bot has audio. A caller who wants a person needs less time.
BOT_MINUTES = 15
# A leg is one person, bot or number that is called or invited. The number allows one call of 50, as
# many invitations as that call may have, and a few more.
LEGS = Limit(
    "legs", 120, "people, bots and numbers called and invited a minute", TooManyLegs,
    "MAX_LEGS_PER_MINUTE",
)  # fmt: skip
TARGETS = Limit("targets", 50, "people, bots and numbers in one request", InvalidRequest)
ACTIONS = Limit("actions", 64, "actions of a call that go on or may be repeated", TooManyActions)
RECORDINGS = Limit("recordings", 20, "recordings of a call", TooManyActions)
