"""Microsoft's own end-to-end tests of the Call Automation SDK, unmodified, against the emulator.

They get the same settings as for Azure: a connection string, and the addresses of the servers
around the service. No test has a setting of its own.
"""

import os
from importlib.metadata import version
from pathlib import Path

import pytest

from devstack.well_known import SPEECH_ENDPOINT
from tests.devstack.acs_emulator.acs_fixtures import AcsEmulator, running_emulator
from tests.devstack.sdk_suite.dispatcher import Dispatcher, dispatching
from tests.devstack.sdk_suite.source_distribution import (
    CACHE,
    PACKAGE,
    VERSION,
    IndexUnreachableError,
    source_distribution,
    unpack_tests,
)
from tests.devstack.sdk_suite.suite import run_suite

NO_ISSUER = "http://127.0.0.1:9"
NUMBER_OF_TESTS = 44


def archive_or_skip(cache: Path = CACHE) -> Path:
    """The distribution. Without it the suite is skipped, but not in CI, where nobody sees that."""
    try:
        return source_distribution(cache)
    except IndexUnreachableError as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"Microsoft's tests are not here, and cannot be fetched: {reason}")


def environment_of(emulator: AcsEmulator, dispatcher: Dispatcher) -> dict[str, str]:
    """The settings that Microsoft's tests read, and the authority of the emulator's certificate."""
    return {
        "COMMUNICATION_LIVETEST_STATIC_CONNECTION_STRING": emulator.tls_connection_string,
        "SERVICEBUS_STRING": dispatcher.host,
        "DISPATCHER_ENDPOINT": dispatcher.url,
        "FILE_SOURCE_URL": dispatcher.prompt_url,
        "COGNITIVE_SERVICE_ENDPOINT": SPEECH_ENDPOINT,
        "TRANSPORT_URL": dispatcher.transport_url,
        "REQUESTS_CA_BUNDLE": str(emulator.authority),
        "SSL_CERT_FILE": str(emulator.authority),
        "no_proxy": "127.0.0.1",
    }


@pytest.mark.installation
@pytest.mark.emulators
@pytest.mark.timeout(300)
async def test_microsofts_own_tests_of_the_sdk_pass(tmp_path: Path) -> None:
    tests = unpack_tests(archive_or_skip(), tmp_path)
    assert version(PACKAGE) == VERSION, "the pinned distribution is that of the installed SDK"
    async with dispatching() as dispatcher:
        # Files of the internet come through a proxy that reaches nobody.
        proxies = {"https_proxy": dispatcher.url, "no_proxy": "127.0.0.1"}
        webhook = ["--event-webhook", dispatcher.events_url]
        with running_emulator(
            tmp_path, NO_ISSUER, *webhook, "--fetch-files", environment=proxies
        ) as emulator:
            run = await run_suite(tests, environment_of(emulator, dispatcher))

    assert len(run.outcomes) == NUMBER_OF_TESTS, run.output
    others = {test: outcome for test, outcome in run.outcomes.items() if outcome != "passed"}
    assert set(dispatcher.tunnels) == {"dummy.com:443"}, "a file that Microsoft's tests have not"
    assert others == {}, run.output
