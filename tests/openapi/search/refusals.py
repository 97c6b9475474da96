"""Refusals of requests that fit the description, because of stored rows, of the settings, or of
Azure. By code, or by the fault of a part. Faults of the `policy` are of the settings, and need no
line here.
"""

REFUSED_BY_AZURE = {"call-refused", "meeting-refused", "teams-token-refused"}
REFUSED_BY_STATE = {
    # Teams resource accounts and agents: of the settings, or of the call.
    "cannot be called by a Teams resource account",
    "can be invited only to a call of a Teams resource account",
    "cannot be invited to a call of a Teams resource account: agents and phones can",
    "is not an agent of the tenant of the call's Teams resource account",
    # People whom the caller names.
    "is you; a friend is somebody else",
    "has no identity here",
    "is not an accepted friend of yours",
    # Would be said with `contains`, for which Redocly's linter refuses the right examples.
    "has a callerId, which is for phone numbers only",
    "has a from, which is for phone numbers only",
    # The clock.
    "is over five years away",
    "is over a day ago, the most that is allowed",
    "is over: it has to be in the future",
}
