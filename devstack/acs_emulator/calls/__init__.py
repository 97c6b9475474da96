"""Call Automation: calls, who takes part in them, and what is played and heard in them.

`emulator` puts the parts together and is all that `server` uses. `api` and `media_api` are the
operations, `switchboard`, `participants` and `player` what they do, `far_ends` the people who are
called, `store` what is remembered.
"""
