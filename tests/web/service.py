"""Requests of a test to the service and the emulators, without a window."""

import json
import uuid
from typing import Any
from urllib.request import Request, urlopen

from devstack.issuer.sign_ins import user_token
from devstack.issuer.tokens import issuer_key
from tests.devstack.commands.dev_process import DevRun

type Json = dict[str, Any]


def befriend(run: DevRun, *people: str) -> None:
    """Each of these is a friend of each other."""
    for person in people:
        for friend in people:
            if friend != person:
                send(run, person, "PUT", f"/friends/{friend}")


def calling_token(run: DevRun, person: str) -> str:
    return str(send(run, person, "GET", "/token")["token"])


def send(
    run: DevRun, person: str, method: str, path: str, body: object = None, *roles: str
) -> Json:
    """What the service answers to a person who has these app roles."""
    key, issuer = issuer_key(run.state / "issuer-key.json"), run.stack["issuer"]
    bearer = user_token(key, issuer=issuer, user_id=person, roles=roles)
    headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": uuid.uuid4().hex}
    return ask(f"{run.stack['api']}{path}", method, body, headers)


def inspect_calling(run: DevRun, path: str, body: object) -> None:
    ask(f"{run.stack['acs']}/_emulator/calling/{path}", "POST", body, {})


def ask(url: str, method: str, body: object, headers: dict[str, str]) -> Json:
    content = None if body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    with urlopen(
        Request(url, content, method=method, headers=headers | kind), timeout=30
    ) as answer:
        answered: Json = json.loads(answer.read() or "{}")
        return answered
