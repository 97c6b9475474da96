"""The measures by name: what `dev.py bench` takes, and its help lists.

Readable by Python 3.6, and standard library only (see dev.py).
"""

MEASURES = {
    "token": "a token: first ever, identity known, and cached; 1, 16 and 64 connections",
    "logging": "a token, with the log level of host.json, at which each request is logged",
    "latency": "a token of a known identity, where Azure takes 20 ms for each answer",
    "tls": "a token of a known identity, where Azure is asked over TLS",
    "friend": "resolve one friend",
    "friends": "the buddy list of 1, 100 and 1,000 friends",
    "share": "share a group call with 1, 10, 100 and 350 friends; again; twelve at once",
    "invitations": "list 1, 10, 100 and 1,000 invitations",
    "events": "events of calls, as ACS sends them",
    "start": "from the start of the process to the first token",
    "memory": "memory of the process under load",
    "growth": "a token with 1,000 and with 100,000 identities stored",
}
