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

# The phone number that the emulated resource has: what calls to phones come from. 555-01xx numbers
# belong to nobody.
ACS_CALLER_ID = "+14255550100"

# What callbacks' tokens say of their issuer: Azure's own name, so that what is checked here is what
# will be checked there. The keys are the emulator's, below this path.
ACS_CALLBACK_ISSUER = "https://acscallautomation.communication.azure.com"
ACS_CALLBACK_KEYS_PATH = "/calling/keys"

# What Event Grid proves itself with to an app, in which header: a delivery property of its
# subscription, where whoever makes one in Azure has to put a secret.
EVENT_KEY_HEADER = "X-Event-Grid-Key"
EVENT_KEY = "devstack-well-known-event-grid-key-for-loopback"

# What a bot of the stack says to who calls it, and does when they press a key.
BOT_GREETING = "Welcome. For Carol press 1, for our opening hours 2, and 0 to hang up."
BOT_MENU = (
    '{"1": {"connect": "carol"}, "2": {"say": "We are here from nine to five."}, "0": "hang up"}'
)

# What an app may dial, play from, and let speak where it wants to try these out: the area of the
# caller id, and hosts that nobody can own (RFC 2606). The emulator fetches nothing from them.
DIAL_PREFIX = "+1425"
AUDIO_HOST = "audio.example.com"
SPEECH_ENDPOINT = "https://speech.example.com"

# The Entra tenant that tokens of Entra's own shape name.
TENANT_ID = "acde0000-0000-4000-8000-000000007072"

# The Entra app that Teams users sign in to: the app's TEAMS_APP_ID.
TEAMS_APP_ID = "acde0000-0000-4000-8000-00000007ea35"

# The app's managed identity, as an object and as a client, and the IDENTITY_HEADER that proves that
# whoever asks for its tokens is the app. In Azure that one changes with every restart; here it has
# to be the same, or settings copied from stack.json would not outlive the stack.
MANAGED_IDENTITY_ID = "acde0000-0000-4000-8000-0000000001d0"
MANAGED_IDENTITY_CLIENT_ID = "acde0000-0000-4000-8000-0000000001dc"
IDENTITY_HEADER = "devstack-well-known-identity-header"
