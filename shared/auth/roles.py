"""The app roles of this service: what a deployment declares in its identity provider, by the name
that a token's roles claim has."""

# Issue calling tokens to an app that signs in as itself.
TOKENS_ISSUE = "Tokens.Issue"
# Register bots, remove them, and issue and revoke their calling tokens.
BOTS_OPERATE = "Bots.Operate"
# Schedule meetings in Teams, and cancel them.
MEETINGS_SCHEDULE = "Meetings.Schedule"
# Place and steer calls, see all calls of the realm, invite anyone of the realm to a shared call.
CALLS_MANAGE = "Calls.Manage"
