"""What an operator does if there is no access token: most often they have to sign in themselves."""

from collections.abc import Mapping

from shared.unavailable import Refused

# By the credential that AZURE_TOKEN_CREDENTIALS names.
_PERSONAL = {"azureclicredential": "az login", "azuredeveloperclicredential": "azd auth login"}
_OF_APPS = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_SECRET")


def remedy_here(refused: Refused, environment: Mapping[str, str]) -> str:
    """The remedy of `refused` where a command of an operator runs, which may be a machine of a
    person or the app's own."""
    if not refused.is_without_token:
        return refused.remedy
    chosen = environment.get("AZURE_TOKEN_CREDENTIALS", "").strip().lower()
    if chosen in _PERSONAL:
        return f"sign in here with {_PERSONAL[chosen]}"
    if chosen == "managedidentitycredential" or any(environment.get(name) for name in _OF_APPS):
        return refused.remedy
    return f"sign in here with az login or azd auth login; an app: {refused.remedy}"
