"""The calling plane, a small substitute for ACS's media service (CALLING.md).

`plane` puts the parts together and is all that `server` uses. `sockets` are the connections of
windows, `messages` their messages. `seats` knows which window is in which call. With `rings` and
`outgoing`, calls begin. `meetings` are Teams meetings, and `sounds` what windows hear.
"""
