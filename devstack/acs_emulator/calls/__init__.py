"""Call Automation: calls, their participants, and their media.

`emulator` puts the parts together and is all that `server` uses. `api` and `media_api` are the
operations, `switchboard`, `participants` and `player` what they do, `far_ends` the people who are
called, `store` the stored calls.
"""
