"""Settings that work, and their faults once some are changed."""

import pytest

from shared.settings import load
from shared.settings_reader import SettingsError

KEY = "c2VjcmV0LWtleS1vZi10aGUtcmVzb3VyY2U="
GOOD = {
    "COMMUNICATION_CONNECTION_STRING": f"endpoint=https://x.communication.azure.com/;accesskey={KEY}",
    "TABLES_CONNECTION_STRING": f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={KEY}",
    "AUTH_ISSUER": "https://issuer.example/",
    "AUTH_AUDIENCE": "api://one, api://two",
}
TENANT = "11111111-2222-3333-4444-555555555555"


def faults(**changes: str) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load({**GOOD, **changes})
    return caught.value.faults
