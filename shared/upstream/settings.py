"""The settings of the services that this one depends on: ACS, the tables, and the time limit."""

import base64
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.settings_reader import SettingsReader
from shared.urls import hostname, is_safe_url


class TablesAddress(NamedTuple):
    """Where the tables are, and how requests to them are signed.

    Attributes:
        origin: scheme and host.
        path: what stands before the name of a table; empty in Azure.
        key: the account's key, or empty.
        signature: a shared access signature, or empty. Without both, a managed identity signs.
    """

    origin: str
    path: str
    account: str = ""
    key: str = ""
    signature: str = ""

    def __repr__(self) -> str:
        return "TablesAddress(…)"


class UpstreamSettings(NamedTuple):
    """The endpoints in Azure, and this service's credentials for them. Keys and connection strings
    stay out of the repr.

    Attributes:
        communication_key: None means managed identity.
        communication_resource: names the ACS resource in storage keys.
        resource_id: the immutable id of the ACS resource, or empty.
        tables_connection_string: empty means managed identity at `tables_endpoint`.
        timeout: seconds for one request, all its upstream calls and retries included.
    """

    communication_endpoint: str
    communication_key: str | None
    communication_resource: str
    resource_id: str
    tables_connection_string: str
    tables_endpoint: str
    timeout: float

    def __repr__(self) -> str:
        return "UpstreamSettings(…)"

    @property
    def tables(self) -> TablesAddress:
        parts = _pairs(self.tables_connection_string)
        account = parts.get("accountname", "")
        protocol = parts.get("defaultendpointsprotocol", "https")
        suffix = parts.get("endpointsuffix", "core.windows.net")
        endpoint = self.tables_endpoint or parts.get("tableendpoint", "")
        url = urlsplit(endpoint or f"{protocol}://{account}.table.{suffix}")
        return TablesAddress(
            f"{url.scheme}://{url.netloc}",
            url.path.rstrip("/"),
            account,
            parts.get("accountkey", ""),
            parts.get("sharedaccesssignature", ""),
        )


def read_upstream_settings(reader: SettingsReader) -> UpstreamSettings:
    endpoint, key = _communication(reader)
    connection_string, tables_endpoint = _tables(reader)
    resource_id = reader.guid("COMMUNICATION_RESOURCE_ID", "the immutable resource id")
    return UpstreamSettings(
        communication_endpoint=endpoint,
        communication_key=key,
        # The port is left out: an emulator that moved is still the same resource.
        communication_resource=resource_id or (hostname(endpoint) or ""),
        resource_id=resource_id,
        tables_connection_string=connection_string,
        tables_endpoint=tables_endpoint,
        timeout=reader.seconds("UPSTREAM_TIMEOUT_SECONDS", 10, 1, 60),
    )


def read_storage_settings(reader: SettingsReader) -> UpstreamSettings:
    """The settings of the tables alone, for a command that does not ask ACS."""
    connection_string, tables_endpoint = _tables(reader)
    return UpstreamSettings(
        communication_endpoint="",
        communication_key=None,
        communication_resource="",
        resource_id="",
        tables_connection_string=connection_string,
        tables_endpoint=tables_endpoint,
        timeout=reader.seconds("UPSTREAM_TIMEOUT_SECONDS", 10, 1, 60),
    )


def _communication(reader: SettingsReader) -> tuple[str, str | None]:
    """The endpoint of the ACS resource, and its key."""
    name = reader.one_of("COMMUNICATION_CONNECTION_STRING", "COMMUNICATION_ENDPOINT")
    if name is None:
        return "", None
    if name == "COMMUNICATION_ENDPOINT":
        return _https(name, _endpoint(name, reader.text(name), reader), reader), None
    parts = _pairs(reader.text(name))
    key = parts.get("accesskey", "")
    if "endpoint" not in parts or not _is_base64(key):
        reader.fault(name, "is not endpoint=https://…;accesskey=… as the portal shows it")
    return _endpoint(name, parts.get("endpoint", ""), reader), key


def _endpoint(name: str, url: str, reader: SettingsReader) -> str:
    url = url.rstrip("/")  # the SDK would sign "host/" for a trailing slash, which ACS refuses
    if not is_safe_url(url) or urlsplit(url).path or urlsplit(url).query:
        reader.fault(name, "needs an endpoint https://<resource>.communication.azure.com")
    return url


def _https(name: str, url: str, reader: SettingsReader) -> str:
    """The SDKs send a managed identity's token over TLS only, also on this machine."""
    if not url.startswith("https://"):
        reader.fault(name, "must be https, because it is used with a managed identity's token")
    return url


def _tables(reader: SettingsReader) -> tuple[str, str]:
    """The connection string of the tables, or their endpoint."""
    name = reader.one_of("TABLES_CONNECTION_STRING", "TABLES_ENDPOINT")
    if name == "TABLES_ENDPOINT":
        url = reader.text(name).rstrip("/")
        if not is_safe_url(url):
            reader.fault(name, "needs an endpoint https://<account>.table.core.windows.net")
        return "", _https(name, url, reader)
    if name is None:
        return "", ""
    text = reader.text(name)
    parts = _pairs(text)
    has_key = "accountname" in parts and _is_base64(parts.get("accountkey", ""))
    has_signature = {"sharedaccesssignature", "tableendpoint"} <= parts.keys()
    # The SDK's parser is simpler than ours: refuse what only ours would understand.
    is_plain = all("=" in part and " =" not in part for part in text.strip(";").split(";"))
    if not is_plain or not (has_key or has_signature):
        reader.fault(name, "is not AccountName=…;AccountKey=…;… as the portal shows it")
    if "tableendpoint" in parts and not is_safe_url(parts["tableendpoint"]):
        reader.fault(name, "has a TableEndpoint that is neither https nor on this machine")
    if parts.get("defaultendpointsprotocol", "https") != "https" and "tableendpoint" not in parts:
        reader.fault(name, "must use DefaultEndpointsProtocol=https")
    return text, ""


def _pairs(connection_string: str) -> dict[str, str]:
    """Split `name=value;…`; names are compared in lower case, values may hold `=`."""
    pairs = (part.partition("=") for part in connection_string.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:  # also for text that is not ASCII; binascii.Error is a ValueError
        return False
