"""Refusals of requests that fit the description, because of stored rows, of the settings, or of
Azure. By code, or by the fault of a part.
"""

REFUSED_BY_AZURE = {"call-refused", "meeting-refused", "teams-token-refused"}
REFUSED_BY_STATE = {
    # Teams resource accounts and agents: of the settings, or of the call.
    "is the tenant of none of the resource accounts of the caller's realm",
    "is needed: the realm's accounts have several tenants",
    "is not the name of a Teams resource account of the caller's realm",
    "has to name one of the Teams resource accounts",
    "invite the others once it is connected",
    "can be invited only to a call of a Teams resource account",
    "cannot be invited to a call of a Teams resource account: agents and phones can",
    "is not an agent of the tenant of the call's Teams resource account",
    # People whom the caller names.
    "is you; a friend is somebody else",
    "has no identity here",
    "is not an accepted friend of yours",
    # Numbers and hosts of the settings.
    "may not be called from here",
    "is not a number of this service",
    "is not https of a host in PLAY_SOURCE_HOSTS",
    # Would be said with `contains`, for which Redocly's linter refuses the right examples.
    "has a callerId, which is for phone numbers only",
    "has a from, which is for phone numbers only",
    # The clock.
    "is long over",
    "is over five years away",
    "is over a day ago",
    "is over",
}
