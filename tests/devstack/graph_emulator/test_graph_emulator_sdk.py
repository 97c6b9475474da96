"""Microsoft's own pipeline and credential against the stack, as an app has them in Azure."""

import json
import os
import subprocess
import sys
from typing import Any

from devstack.issuer.users import STACK_USERS
from tests.support.control import Control
from tests.support.stack import Stack

# What an application does, with nothing that it would not write for Graph. In a process of its
# own: aiohttp looks at SSL_CERT_FILE when it is imported.
APPLICATION = """
import asyncio, json, os
from urllib.parse import quote
from azure.core import AsyncPipelineClient
from azure.core.exceptions import AzureError
from azure.core.pipeline.policies import (
    AsyncBearerTokenCredentialPolicy, AsyncRetryPolicy, HeadersPolicy, RequestIdPolicy
)
from azure.core.rest import HttpRequest
from azure.identity.aio import DefaultAzureCredential

async def main():
    endpoint, user = os.environ["GRAPH_ENDPOINT"], os.environ["MEETING_ORGANIZER_ID"]
    meetings = f"{endpoint}/v1.0/users/{user}/onlineMeetings"
    body = {"externalId": "by the pipeline", "subject": "Review"}
    async with DefaultAzureCredential() as credential:
        scope = "https://graph.microsoft.com/.default"
        policies = [
            HeadersPolicy(), RequestIdPolicy(), AsyncRetryPolicy(retry_total=2),
            AsyncBearerTokenCredentialPolicy(credential, scope),
        ]
        async with AsyncPipelineClient(endpoint, policies=policies) as client:
            async def send(method, url, **options):
                answer = await client.send_request(HttpRequest(method, url, **options))
                return answer.status_code, answer.json() if answer.content else None

            made = await send("POST", f"{meetings}/createOrGet", json=body)
            again = await send("POST", f"{meetings}/createOrGet", json=body)
            one = f"{meetings}/{made[1]['id']}"
            lobby = {"lobbyBypassSettings": {"scope": "everyone"}}
            changed = await send("PATCH", one, json=lobby)
            url = made[1]["joinWebUrl"].replace("'", "''")
            wanted = quote(f"JoinWebUrl eq '{url}'", safe="")  # azure-core encodes no parameter
            found = await send("GET", f"{meetings}?$filter={wanted}")
            deleted = await send("DELETE", one)
            gone = await send("GET", one)
    print(json.dumps([made, again, changed, found, deleted, gone]))

try:
    asyncio.run(main())
except AzureError as error:
    print(json.dumps(str(error)))
"""


def run_application(stack: Stack, **changed: str) -> Any:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AZURE_", "IDENTITY_"))}
    script = subprocess.run(
        [sys.executable, "-c", APPLICATION],
        env={**inherited, **stack.values["managedIdentitySettings"], **changed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert script.returncode == 0, script.stderr
    return json.loads(script.stdout)


def test_the_settings_say_all_that_an_app_needs(stack: Stack) -> None:
    settings, keyless = stack.settings, stack.values["managedIdentitySettings"]

    assert settings["GRAPH_ENDPOINT"] == stack.values["graph"]
    assert keyless["GRAPH_ENDPOINT"] == stack.values["graphTls"]
    assert settings["MEETING_ORGANIZER_ID"] in {user.object_id for user in STACK_USERS}
    assert settings.keys() - keyless.keys() == {"COMMUNICATION_CONNECTION_STRING"}
    assert keyless.keys() - settings.keys() == {"COMMUNICATION_ENDPOINT", "SSL_CERT_FILE"}


async def test_the_pipeline_works_over_tls_with_the_managed_identity(
    stack: Stack, graph: Control
) -> None:
    """It tries again when it is throttled."""
    before = (await graph.state())["requests"]
    await graph.fault("createOrGet", status=429, retryAfter=0, times=1)

    made, again, changed, found, deleted, gone = run_application(stack)

    assert (made[0], again[0]) == (201, 200)
    assert again[1] == made[1]
    assert changed[1]["lobbyBypassSettings"]["scope"] == "everyone"
    assert [meeting["id"] for meeting in found[1]["value"]] == [made[1]["id"]]
    assert (deleted, gone[0]) == ([204, None], 404)
    after = (await graph.state())["requests"]
    assert {name: after[name] - before[name] for name in after} == {
        "create": 0,
        "createOrGet": 3,
        "get": 1,
        "find": 1,
        "update": 1,
        "delete": 1,
    }


def test_the_pipeline_sends_no_token_over_plain_http(stack: Stack) -> None:
    refused = run_application(stack, GRAPH_ENDPOINT=stack.values["graph"])

    assert "not permitted for non-TLS" in refused


def test_without_the_stacks_authority_there_is_no_tls(stack: Stack) -> None:
    refused = run_application(stack, SSL_CERT_FILE=os.devnull)

    assert "CERTIFICATE_VERIFY_FAILED" in refused
