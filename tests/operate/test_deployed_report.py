"""The text that an operator pastes into an issue has nothing of the deployment, with any
settings."""

import json

import pytest

from shared.operate.deployed_report import heading, known_settings, without_names
from shared.settings import load
from shared.settings_reader import SettingsError
from tests.project.settings_world import GOOD

CANARY = "k4n4ry"
# Values that somebody may have set, right or wrong.
SHAPES = {
    "a text": CANARY,
    "several": f"{CANARY}, other-{CANARY}",
    "a URL": f"https://{CANARY}.example/x",
    "a connection string": f"endpoint=https://{CANARY}.example/;accesskey={CANARY}",
    "a list": json.dumps([CANARY]),
    "objects": json.dumps([{CANARY: CANARY, "id": CANARY, "name": CANARY, "AUTH_ISSUER": CANARY}]),
    "an object": json.dumps({CANARY: CANARY}),
    "a nested object": json.dumps({CANARY: {CANARY: [CANARY], "greeting": {CANARY: CANARY}}}),
    "half of a list": f'[{{"id": "{CANARY}',
}


def lines(environment: dict[str, str]) -> list[str]:
    """The doctor's report about settings, in the form that may be published."""
    try:
        load(environment)
    except SettingsError as error:
        found = [f"FIX   setting {name}: {fault}" for name, fault in error.faults.items()]
        return [without_names(line, environment) for line in found]
    return []


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_fault_of_a_setting_tells_what_is_in_it(shape: str) -> None:
    told = {name: lines({**GOOD, name: shape}) for name in known_settings()}

    assert sum(map(len, told.values())) >= 20  # some take any text
    assert [name for name, found in told.items() if any(CANARY in line for line in found)] == []


def test_the_heading_tells_which_settings_there_are_and_never_their_values() -> None:
    environment = dict.fromkeys(known_settings(), CANARY)
    text = "\n".join(heading({**environment, "OTHER": CANARY, "TIDY_SCHEDULE": " "}))

    assert CANARY not in text
    assert "AUTH_ISSUER, AUTH_ISSUERS, " in text
    assert "OTHER" not in text
    assert "TIDY_SCHEDULE" not in text


@pytest.mark.parametrize(
    "named",
    [
        "https://contoso.communication.azure.com",
        "https://login.microsoftonline.com/0f0f0f0f-1111-4222-8333-444444444444/v2.0",
        "0F0F0F0F-1111-4222-8333-444444444444",
        "+14255550123",
        "an organizer of ours",
    ],
)
def test_what_names_somebody_or_something_is_left_out_wherever_it_stands(named: str) -> None:
    environment = {"CALLER_ID_NUMBER": "+14255550123", "BOT_VOICE": "an organizer of ours"}

    for line in (f"ok    x {named}", f"FIX   {named}: no answer", f"(of {named}), {named};{named}"):
        told = without_names(line, environment)
        assert named not in told
        assert told.startswith(line.partition(named)[0])
