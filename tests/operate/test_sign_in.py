"""Where there is no access token, the operator is told to sign in, and an app is given an
identity."""

import pytest

from shared.operate.sign_in import remedy_here
from shared.unavailable import StorageRefused

IDENTITY = "give the app an identity"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {"AZURE_TOKEN_CREDENTIALS": "AzureDeveloperCliCredential"},
            "sign in here with azd auth login",
        ),
        ({"AZURE_TOKEN_CREDENTIALS": "azureclicredential"}, "sign in here with az login"),
        ({"AZURE_TOKEN_CREDENTIALS": "ManagedIdentityCredential"}, IDENTITY),
        ({"IDENTITY_ENDPOINT": "http://127.0.0.1:1"}, IDENTITY),
        ({}, f"sign in here with az login or azd auth login; an app: {IDENTITY}"),
    ],
)
def test_the_one_who_can_mend_it_is_told(environment: dict[str, str], said: str) -> None:
    assert remedy_here(StorageRefused(IDENTITY, is_without_token=True), environment) == said
    assert remedy_here(StorageRefused("give it the role"), environment) == "give it the role"
