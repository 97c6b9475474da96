"""The keys, ids and numbers of every local stack: constants, so that people can type and recognise
them.

Like the key of Azurite's `devstoreaccount1` they are public on purpose: they open only an emulator
on somebody's own machine. Never use them for a real resource.
"""

import base64
import json

# 64 bytes, as many as a real access key has. The decoded text says what it is, so that anybody can
# judge a secret scanner's finding at a glance.
ACS_ACCESS_KEY = base64.b64encode(
    b"devstack well-known ACS key, public, for loopback emulators only"
).decode("ascii")

# The immutable id of the emulated resource, which is part of every ACS identity made here.
ACS_RESOURCE_ID = "acde0000-0000-4000-8000-000000007073"

# The phone number of the emulated resource: calls to phones come from it. Numbers 555-01xx belong
# to nobody.
ACS_CALLER_ID = "+14255550100"

# The Entra tenant in tokens that look like Entra's.
TENANT_ID = "acde0000-0000-4000-8000-000000007072"

# A resource account of Teams, by its object id, that has consent and this number, and for which the
# bot answers that everybody tries first; and an auto attendant, by the id that clients call.
TEAMS_ACCOUNT_ID = "acde0000-0000-4000-8000-00000000acc0"
TEAMS_ACCOUNT_NUMBER = "+14255550177"
TEAMS_RESOURCE_ACCOUNTS = json.dumps(
    [
        {
            "id": TEAMS_ACCOUNT_ID,
            "tenant": TENANT_ID,
            "name": "Main line",
            "number": TEAMS_ACCOUNT_NUMBER,
            "bot": "helpdesk",
        }
    ]
)
TEAMS_VOICE_APP_ID = "acde0000-0000-4000-8000-00000000a99a"
TEAMS_VOICE_APPS = json.dumps(
    [{"id": TEAMS_VOICE_APP_ID, "name": "Front desk", "kind": "autoAttendant"}]
)

# The `iss` of the tokens of callbacks: Azure's own, so that an app checks here what it will check
# there. The signing keys are the emulator's, at this path.
ACS_CALLBACK_ISSUER = "https://acscallautomation.communication.azure.com"
ACS_CALLBACK_KEYS_PATH = "/calling/keys"

# The secret by which an app recognises Event Grid, and the header that carries it: a delivery
# property of the subscription, which an operator has to set in Azure too.
EVENT_KEY_HEADER = "X-Event-Grid-Key"
EVENT_KEY = "devstack-well-known-event-grid-key-for-loopback"

# The bot that is there from the start, and that the page calls.
BOT_ID, BOT_NAME = "helpdesk", "Help desk"

# What a bot of the stack says to its callers, and what it does when they press a key.
BOT_GREETING = "Welcome. For Carol press 1, for our opening hours 2, and 0 to hang up."
BOT_MENU = (
    '{"1": {"connect": "carol"}, "2": {"say": "We are here from nine to five."}, "0": "hang up"}'
)

# What the app may dial, where it may play files from, and its speech service, so that people can
# try these out: the area of the caller id, and hosts that nobody can own (RFC 2606). The emulator
# fetches nothing from them.
DIAL_PREFIX = "+1425"
AUDIO_HOST = "audio.example.com"
SPEECH_ENDPOINT = "https://speech.example.com"

# The Entra app that Teams users sign in to: the setting TEAMS_APP_ID.
TEAMS_APP_ID = "acde0000-0000-4000-8000-00000007ea35"

# The app's managed identity, by its object id and its client id, and the IDENTITY_HEADER by which
# the endpoint knows that the app asks for a token. In Azure the header changes with every restart;
# here it stays the same, so that settings copied from stack.json are still good after a restart.
MANAGED_IDENTITY_ID = "acde0000-0000-4000-8000-0000000001d0"
MANAGED_IDENTITY_CLIENT_ID = "acde0000-0000-4000-8000-0000000001dc"
IDENTITY_HEADER = "devstack-well-known-identity-header"

# When the stack's timer runs; at Azure, too, each app has to set it.
TIDY_SCHEDULE = "0 */5 * * * *"
