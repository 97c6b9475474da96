"""The claims of users: those that the running issuer has, and those in a token."""

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

ANSWER_SECONDS = 5


def name_in(claims: Mapping[str, object]) -> str | None:
    """The name in a token."""
    name = claims.get("name")
    return name if isinstance(name, str) else None


def roles_in(claims: Mapping[str, object]) -> list[str]:
    """The roles in a token."""
    roles = claims.get("roles", [])
    return [str(role) for role in roles] if isinstance(roles, list) else []


def ask_for_claims(issuer: str, user_id: str) -> Mapping[str, object]:
    """The claims of a user at a running issuer; none if it knows no such user.

    Raises:
        OSError: it does not answer.
    """
    connection = http.client.HTTPConnection(urlsplit(issuer).netloc, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", f"/users/{quote(user_id, safe='')}")
        answer = connection.getresponse()
        claims = json.loads(answer.read()) if answer.status == HTTPStatus.OK else {}
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or not isinstance(claims, dict):
        raise OSError(f"it answers {answer.status}")
    return claims
