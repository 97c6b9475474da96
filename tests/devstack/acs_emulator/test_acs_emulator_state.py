"""The emulator's memory, counts and limits, and its start and stop."""

import asyncio
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from devstack.acs_emulator.wire.limits import DOCUMENTED, Limits
from devstack.emulation.inspection import loopback_only
from tests.devstack.acs_emulator.acs_fixtures import (
    AcsCaller,
    AcsEmulator,
    acs,
    calling,
    emulator,
    issuer,
    running_emulator,
)
from tests.devstack.emulator_fixtures import REPOSITORY
from tests.support.part_process import ended_part

__all__ = ["acs", "emulator", "issuer"]

pytestmark = pytest.mark.emulators

NO_ISSUER = "http://127.0.0.1:9"
USUAL_ARGUMENTS = ["--database", "acs.sqlite", "--key-file", "key.pem", "--issuer", NO_ISSUER]


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGKILL,
        None,
        *(pytest.param(how, marks=pytest.mark.slow) for how in (signal.SIGTERM, signal.SIGINT)),
    ],
)
async def test_everything_survives_a_restart(tmp_path: Path, how: signal.Signals | None) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with calling(emulator) as acs:
            kept, deleted = await acs.create(), await acs.create()
            live, revoked = await acs.issue(kept), await acs.issue(deleted)
            await acs.call("DELETE", f"/identities/{quote(deleted)}")
            keys = (await acs.inspect("GET", "jwks")).json
            state = await acs.state()

        exit_code = emulator.stop(how)
        emulator.start()

        assert exit_code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
        async with calling(emulator) as acs:
            assert await acs.state() == state
            assert (await acs.inspect("GET", "jwks")).json == keys
            assert await acs.is_active(live)
            assert not await acs.is_active(revoked)
            assert await acs.issue(kept) != live
            assert (await acs.call("DELETE", f"/identities/{quote(deleted)}")).status == 404


async def test_what_is_held_does_not_happen_when_the_emulator_stops(tmp_path: Path) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with calling(emulator) as acs:
            fault = await acs.add_fault(operation="create", hold="before")
            request = asyncio.create_task(acs.call("POST", "/identities"))
            await acs.inspect("GET", f"faults/{fault}/wait?held=1&timeoutMs=10000")

            assert await asyncio.to_thread(emulator.stop) == 0
            with pytest.raises(aiohttp.ClientConnectionError):
                await request

        emulator.start()
        async with calling(emulator) as acs:
            assert (await acs.state())["created"] == 0


@pytest.mark.parametrize("name", ["acs-signing-key.pem", "acs-signing-key-callbacks.pem"])
def test_the_signing_keys_are_for_their_owner_only(tmp_path: Path, name: str) -> None:
    with running_emulator(tmp_path, NO_ISSUER, new_keys=True):
        mode = (tmp_path / "state" / name).stat().st_mode

    assert stat.S_IMODE(mode) == 0o600


async def test_state_tells_what_there_is_and_what_was_asked_for(tmp_path: Path) -> None:
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with calling(emulator) as acs:
            first = await acs.create(createTokenWithScopes=["chat"])
            second = await acs.create()
            await acs.issue(first)
            await acs.issue(second)
            await acs.call("POST", f"/identities/{quote(first)}/:revokeAccessTokens")
            await acs.call("POST", f"/identities/{quote(first)}/:revokeAccessTokens")
            await acs.call("DELETE", f"/identities/{quote(second)}")
            await acs.call("DELETE", f"/identities/{quote(second)}")
            await acs.call("POST", "/teamsUser/:exchangeAccessToken", {})
            await acs.send("POST", "/identities")  # refused, and counted all the same
            await acs.add_fault(operation="create", drop="before")
            with pytest.raises(aiohttp.ClientConnectionError):
                await acs.call("POST", "/identities")

            state = await acs.state()
            requests = {name: count for name, count in state.pop("requests").items() if count}
            assert state == {
                "identities": [first],
                "created": 2,
                "deleted": 1,
                "tokensIssued": 3,
                "tokensRevoked": 3,
                "calls": [],
                "assignments": [],
            }
            assert requests == {
                "create": 4,
                "delete": 2,
                "revoke": 2,
                "issue": 2,
                "exchangeTeams": 1,
            }


async def test_a_bearer_token_cannot_be_judged_without_its_issuer(tmp_path: Path) -> None:
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.AAAA"  # names a key, but who has it?
    with running_emulator(tmp_path, NO_ISSUER) as emulator:
        async with calling(emulator) as acs:
            answer = await acs.send(
                "POST",
                "/identities?api-version=2023-10-01",
                headers={"Authorization": f"Bearer {token}"},
            )

            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert f"no keys from {NO_ISSUER}" in emulator.log


class TestIntrospection:
    async def test_shows_the_claims_of_a_live_token(self, acs: AcsCaller) -> None:
        identity = await acs.create()
        token = await acs.issue(identity)

        claims = (await acs.inspect("POST", "introspect", {"token": token})).json

        assert claims["active"] is True
        assert f"8:{claims['skypeid']}" == identity

    async def test_of_anything_else_says_nothing(self, acs: AcsCaller) -> None:
        token = await acs.issue(await acs.create())

        for other in ("", "garbage", token[:-8] + "AAAAAAAA", "\ud800"):
            answer = await acs.inspect("POST", "introspect", {"token": other})
            assert (answer.status, answer.json) == (200, {"active": False})

    @pytest.mark.parametrize("body", [None, [], {}, {"token": 1}])
    async def test_needs_a_token(self, acs: AcsCaller, body: object) -> None:
        assert (await acs.inspect("POST", "introspect", body)).status == 400


class TestLimits:
    def test_a_window_of_30_seconds_slides(self) -> None:
        now = 100.0
        limits = Limits(clock=lambda: now)
        limits.set({"create": 2})

        waits = [limits.admit("create")]
        now += 10.5
        waits += [limits.admit("create"), limits.admit("create")]
        now += 19
        waits += [limits.admit("create")]
        now += 0.5
        waits += [limits.admit("create"), limits.admit("create")]

        assert waits == [None, None, 20, 1, None, 11]
        assert limits.admit("issue") is None

    def test_the_documented_numbers_are_known(self) -> None:
        limits = Limits(clock=lambda: 0.0)
        limits.set(DOCUMENTED)

        admitted = [sum(limits.admit(op) is None for _ in range(1001)) for op in DOCUMENTED]

        assert dict(zip(DOCUMENTED, admitted, strict=True)) == {
            "create": 1000,
            "delete": 500,
            "issue": 1000,
            "revoke": 500,
            "exchangeTeams": 500,
        }

    async def test_are_set_and_lifted_on_request(self, acs: AcsCaller) -> None:
        await acs.inspect("PUT", "limits", {"create": 2})
        refused = [await acs.call("POST", "/identities") for _ in range(3)][-1]
        await acs.inspect("PUT", "limits", {"create": 0})
        closed = await acs.call("POST", "/identities")
        await acs.inspect("PUT", "limits", {})
        accepted = await acs.call("POST", "/identities")

        assert refused.status == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert (closed.status, closed.headers["retry-after"]) == (429, "30")
        assert accepted.status == 201

    async def test_take_no_room_for_those_who_may_not_enter(self, acs: AcsCaller) -> None:
        await acs.inspect("PUT", "limits", {"create": 1})

        assert (await acs.send("POST", "/identities?api-version=2023-10-01")).status == 401
        assert (await acs.call("POST", "/identities")).status == 201

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ([], [""]),
            (None, [""]),
            ({"create": -1}, ["create"]),
            ({"create": "2", "issue": 1, "other": 1}, ["create", "other"]),
        ],
    )
    async def test_make_sense_or_stay_as_they_are(
        self, acs: AcsCaller, body: object, fields: list[str]
    ) -> None:
        answer = await acs.inspect("PUT", "limits", body)

        assert answer.status == 400
        # As the faults' mistakes are told: by field.
        assert [error["field"] for error in answer.json["errors"]] == fields
        assert (await acs.call("POST", "/identities")).status == 201

    @pytest.mark.slow
    async def test_are_the_documented_ones_from_the_start_if_asked_for(
        self, tmp_path: Path
    ) -> None:
        with running_emulator(tmp_path, NO_ISSUER, "--limits") as emulator:
            async with calling(emulator) as acs:
                path = f"/identities/{quote(await acs.create())}/:revokeAccessTokens"
                statuses = [(await acs.call("POST", path)).status for _ in range(501)]

        assert statuses == [204] * 500 + [429]


@pytest.mark.parametrize("peer", ["192.0.2.1", "2001:db8::1"])
async def test_only_this_machine_may_inspect(peer: str) -> None:
    async def refuse_to_be_called(_request: web.Request) -> web.StreamResponse:
        raise AssertionError

    request = make_mocked_request("GET", "/_emulator/state").clone(remote=peer)

    with pytest.raises(web.HTTPForbidden):
        await loopback_only(request, refuse_to_be_called)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tls-port", "7074"], "--tls-port needs --certificate"),
        pytest.param(["--access-key", "?"], "argument --access-key", marks=pytest.mark.slow),
        pytest.param(["--resource-id", "x"], "argument --resource-id", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_command_line_is_told(arguments: list[str], message: str, tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "devstack.acs_emulator", *USUAL_ARGUMENTS, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 2
    assert message in refused.stderr


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        refused = ended_part(
            "devstack.acs_emulator",
            *["--database", str(tmp_path / "acs.sqlite")],
            *["--key-file", str(tmp_path / "key.pem"), "--issuer", NO_ISSUER],
            *["--port", str(other.getsockname()[1])],
        )

    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert "address already in use" in refused.stderr


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "rebound.example"}]
)
async def test_a_web_page_from_elsewhere_may_not_look_or_meddle(
    emulator: AcsEmulator, headers: dict[str, str]
) -> None:
    async with aiohttp.ClientSession() as session:
        for method, path in (("GET", "state"), ("POST", "faults"), ("PUT", "limits")):
            url = f"{emulator.url}/_emulator/{path}"
            async with session.request(method, url, headers=headers, data="{}") as refused:
                assert refused.status == 403
