"""The app roles of this service, as a token's roles claim names them. A deployment declares them in
its identity provider."""

# Issue calling tokens to an app that signs in as itself.
TOKENS_ISSUE = "Tokens.Issue"
# Register bots, remove them, and issue and revoke their calling tokens.
BOTS_OPERATE = "Bots.Operate"
# Schedule meetings in Teams, and cancel them.
MEETINGS_SCHEDULE = "Meetings.Schedule"
# Place and steer calls, see all calls of the realm, invite anybody in the realm to a shared call.
CALLS_MANAGE = "Calls.Manage"
# Record calls.
CALLS_RECORD = "Calls.Record"
# Add and remove agents: Teams users who take calls of Teams resource accounts in their own client.
AGENTS_MANAGE = "Agents.Manage"
