"""The words of the description that stand in no type and in no docstring of a function."""

from collections.abc import Mapping
from typing import Any

from shared import __version__
from shared.auth.webhooks import KEY_HEADER
from shared.http.operations import ACS, EVENT_GRID, Sender
from shared.principals import MAX_ID_LENGTH

INFO: Mapping[str, Any] = {
    "title": "Trusted service for Azure Communication Services",
    "version": __version__,
    "summary": "ACS identities, calling tokens, friends and calls of your users.",
    "description": """\
Bodies are JSON. Unknown fields and query parameters are refused, and all faults of a request are
listed at once in `errors`. Every answer has `Cache-Control: no-store` unless it says otherwise.
Errors are `application/problem+json` (RFC 9457); `code` is stable, and each operation lists those
that it has. `Retry-After`, where a 429, 502 or 503 has it, says in how many seconds to try again.

`nextLink` and `Location` are relative to the origin and begin with `/api/`: resolve them against
the URL of the request, and do not append them to a base URL that ends in `/api`.

Paths and methods that are not listed are answered by the platform: 404, no body. `x-app-roles`
names, for users and for apps that signed in as themselves, the app roles that they need: an empty
list is none, and a kind of caller that is not named is refused.

An id of a person or bot in a path that has others than the characters `A-Z a-z 0-9 . _ | @ -` is
written `~` and base64url of its UTF-8; both forms mean the same id. That is the format
`id-in-path`; `.` and `..` are always written so. Other formats that only this service has:
`visible-text`, which people can see, without control characters and line breaks, and
`teams-meeting-link`, a whole link to join a meeting as Teams, Outlook or Bookings give it.
""",
    "license": {"name": "MIT", "identifier": "MIT"},
}

# By the first segment of a path.
TAGS: Mapping[str, tuple[str, str]] = {
    "token": ("Tokens", "Calling tokens for the caller's own ACS identity."),
    "user": ("The caller", "Who the caller is, and what is stored about them."),
    "friends": ("Friends", "The buddy list: two people who both ask for each other may call."),
    "groupCalls": ("Shared calls", "Who may join which call, and how."),
    "meetings": ("Shared calls", ""),
    "invitations": ("Shared calls", ""),
    "calls": ("Calls", "Calls that the service places, watches and steers."),
    "agents": ("Teams Phone", "Teams users who take calls, and voice apps to call."),
    "voiceApps": ("Teams Phone", ""),
    "bots": ("Bots", "Bots, which have ACS identities and answer calls."),
    "callEvents": ("Callbacks", "What other services send; clients never do."),
    "incomingCalls": ("Callbacks", ""),
    "health": ("The service", "Probes, and this description."),
    "openapi.json": ("The service", ""),
    "docs": ("The service", ""),
}

_ID_OF_SOMEBODY = {
    "type": "string",
    "minLength": 1,
    "pattern": "^(~[A-Za-z0-9_-]+={0,2}|[A-Za-z0-9._|@-]+)$",
    "format": "id-in-path",
}
# The platform passes on no path with control characters.
_ID = {"type": "string", "minLength": 1, "pattern": r"^[^/\x00-\x1f\x7f]+$"}

# What a segment of a path may hold: description, schema and example.
PATH_PARAMETERS: Mapping[str, tuple[str, Mapping[str, Any], str]] = {
    "friendId": (
        f"The issuer's id of the friend, at most {MAX_ID_LENGTH} characters.",
        _ID_OF_SOMEBODY,
        "bob",
    ),
    "botId": (f"The bot's id, at most {MAX_ID_LENGTH} characters.", _ID_OF_SOMEBODY, "reception"),
    "objectId": (
        "Object id of a Teams user in Entra, a GUID.",
        {"type": "string", "format": "uuid"},
        "a1b2c3d4-0000-4000-8000-0000000000a1",
    ),
    "id": ("The invitation's id.", _ID, "3f1c" * 16),
    "callId": ("The call's id.", _ID, "9b2e" * 8),
    "participantId": ("The participant's id, from the call.", _ID, "5d0a" * 8),
    "probe": ("Which probe.", {"type": "string", "enum": ["ready"]}, "ready"),
    "asset": ("The name of a file of the page.", _ID, "page.js"),
}

BEARER = "bearer"
_SCHEMES_OF: Mapping[Sender, tuple[str, ...]] = {
    ACS: ("acsToken",),
    EVENT_GRID: ("eventGridKey", "eventGridToken"),
}
SECURITY_SCHEMES: Mapping[str, Mapping[str, str]] = {
    BEARER: {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "An access token of a configured OpenID Connect issuer. On the local stack:"
        " `python3 dev.py token alice`. Where App Service authentication is on, the platform's"
        " session is accepted too.",
    },
    "acsToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The token that Azure Communication Services signs for this resource.",
    },
    "eventGridKey": {
        "type": "apiKey",
        "in": "header",
        "name": KEY_HEADER,
        "description": "The secret `EVENT_GRID_KEY`, as a delivery property of the subscription.",
    },
    "eventGridToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of Entra for Event Grid's own application.",
    },
}


def proofs_of(sender: Sender) -> list[dict[str, list[str]]]:
    """The security schemes of a sender, any of which is enough."""
    return [{scheme: []} for scheme in _SCHEMES_OF[sender]]
