"""What every local stack has in common, so that it can be typed, pasted and recognised.

Like Azurite's `devstoreaccount1` key these are public on purpose: they open nothing but an emulator
on somebody's own machine. Never give them to a real resource.
"""

import base64

# 64 bytes, as many as a real access key. Reading the decoded key says what it is, so that a secret
# scanner's finding can be judged at a glance.
ACS_ACCESS_KEY = base64.b64encode(
    b"devstack well-known ACS key, public, for loopback emulators only"
).decode("ascii")

# The immutable id of the emulated resource: the first half of every ACS identity made here.
ACS_RESOURCE_ID = "acde0000-0000-4000-8000-000000007073"
