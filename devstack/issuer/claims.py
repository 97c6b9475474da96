"""The claims of users: what the running issuer has of them, and what of it a token says."""

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

ANSWER_SECONDS = 5


def name_in(claims: Mapping[str, object]) -> str | None:
    """The name that a token says."""
    name = claims.get("name")
    return name if isinstance(name, str) else None


def roles_in(claims: Mapping[str, object]) -> list[str]:
    """The roles that a token says."""
    roles = claims.get("roles", [])
    return [str(role) for role in roles] if isinstance(roles, list) else []


def ask_for_claims(issuer: str, user_id: str) -> Mapping[str, object] | None:
    """The claims of a user at a running issuer; None: it knows no such user, or does not answer."""
    connection = http.client.HTTPConnection(urlsplit(issuer).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/users/{quote(user_id, safe='')}")
        answer = connection.getresponse()
        claims = json.loads(answer.read()) if answer.status == HTTPStatus.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return claims if isinstance(claims, dict) else None
