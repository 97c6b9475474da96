"""The calling plane: what ACS's media service is to a client, in small (CALLING.md).

`plane` puts the parts together and is all that `server` uses. `sockets` are the connections of
windows, `messages` what they send, `seats` which window is in which call, `rings` and `outgoing`
how calls begin, `meetings` Teams meetings, `sounds` what is heard.
"""
