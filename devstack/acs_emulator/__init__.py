"""An emulator of Azure Communication Services on loopback: strict, so that code which passes here
works against Azure. See README.md beside this file.

`python -m devstack.acs_emulator` runs it; nothing imports it. `server` connects the packages:
`identity`, `calls`, `callbacks`, `event_grid` and, below them all, `wire`.
"""
