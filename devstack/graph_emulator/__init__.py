"""An emulator of Microsoft Graph's online meetings on loopback: strict, so that code which passes
here works against Graph. See README.md beside this file.

`python -m devstack.graph_emulator` runs it; nothing imports it. The modules have the same names as
those of `acs_emulator` where they do the same: `server`, `gate`, `answers`, `bodies`, `api`,
`store`, `inspection`.
"""
