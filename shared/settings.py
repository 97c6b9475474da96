"""All settings, read once; every fault reported at once; secrets never in a repr or a message."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from shared.auth.settings import Issuer, listed, read_issuers
from shared.bot_calls.settings import AttendantSettings, read_attendant_settings
from shared.calls.settings import CallSettings, read_call_settings
from shared.urls import hostname, is_loopback, is_safe_url

SCOPES = ("chat", "chat.join", "chat.join.limited", "voip", "voip.join")
# Minutes; ACS itself accepts no others (reference: expiresInMinutes 60..1440).
MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES = 60, 1440

# How keys of the local stack begin, which are public.
_STACKS = "devstack-"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


# Graph for the world, for two parts of the US government, and for China.
_GRAPH_CLOUDS = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)


def graph_scope(endpoint: str) -> str:
    """What to ask a token for; a Graph on this machine stands in for the world's."""
    cloud = endpoint if endpoint in _GRAPH_CLOUDS else _GRAPH_CLOUDS[0]
    return f"{cloud}/.default"


class SettingsError(Exception):
    """Some settings are wrong.

    Attributes:
        faults: setting name -> what is wrong with it and what it should be. Never a value.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


@dataclass(frozen=True)
class Settings:
    """The validated settings. Keys and connection strings stay out of the repr.

    Attributes:
        communication_key: None means managed identity.
        communication_resource: names the resource in storage keys.
        tables_connection_string: empty means managed identity at `tables_endpoint`.
        upstream_timeout: seconds for one request, all its upstream calls and retries included.
        graph_endpoint: empty where there are no meetings to be scheduled.
        resource_id: the immutable id of the ACS resource, or empty.
        meeting_organizer: object id of an Entra user, or empty.
    """

    communication_endpoint: str
    communication_key: str | None = field(repr=False)
    communication_resource: str
    tables_connection_string: str = field(repr=False)
    tables_endpoint: str
    issuers: tuple[Issuer, ...]
    easy_auth: bool
    token_scopes: frozenset[str]
    token_scopes_by_role: Mapping[str, frozenset[str]]
    token_minutes: int
    token_max_minutes: int
    upstream_timeout: float
    teams_app_id: str
    graph_endpoint: str
    meeting_organizer: str
    resource_id: str
    calls: CallSettings
    attendant: AttendantSettings


def load(environment: Mapping[str, str]) -> Settings:
    """Read and check everything.

    Raises:
        SettingsError: naming every wrong setting.
    """
    return _Reader(environment).settings()


class _Reader:
    """Collects faults instead of stopping at the first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: dict[str, str] = {}

    def settings(self) -> Settings:
        endpoint, key = self._communication()
        connection_string, tables_endpoint = self._tables()
        minutes = self._integer("TOKEN_LIFETIME_MINUTES", 60, MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES)
        most = self._integer(
            "TOKEN_MAX_LIFETIME_MINUTES", MAX_TOKEN_MINUTES, MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES
        )
        if minutes > most:
            self._fault("TOKEN_LIFETIME_MINUTES", "is above TOKEN_MAX_LIFETIME_MINUTES")
        settings = Settings(
            communication_endpoint=endpoint,
            communication_key=key,
            communication_resource=self._resource(endpoint),
            tables_connection_string=connection_string,
            tables_endpoint=tables_endpoint,
            issuers=read_issuers(self._get, self._fault),
            # Only the platform strips these headers from strangers, and only while it is on.
            easy_auth=self._flag("AUTH_EASY_AUTH") and self._flag("WEBSITE_AUTH_ENABLED"),
            token_scopes=self._scopes(),
            token_scopes_by_role=self._scopes_by_role(),
            token_minutes=minutes,
            token_max_minutes=most,
            upstream_timeout=self._seconds("UPSTREAM_TIMEOUT_SECONDS", 10, 1, 60),
            teams_app_id=self._guid("TEAMS_APP_ID", "the Entra app that Teams users sign in with"),
            graph_endpoint=self._graph(),
            meeting_organizer=self._guid("MEETING_ORGANIZER_ID", "an Entra user's object id"),
            resource_id=self._get("COMMUNICATION_RESOURCE_ID").lower(),
            calls=read_call_settings(self._get, self._fault, self._integer),
            attendant=read_attendant_settings(self._get, self._fault, self._guid),
        )
        if settings.calls.callback_base and not settings.resource_id:
            self._fault("COMMUNICATION_RESOURCE_ID", "is missing, and CALLBACK_BASE_URL needs it")
        is_stacks = any(key.startswith(_STACKS) for key in settings.attendant.keys)
        if is_stacks and not is_loopback(settings.communication_endpoint):
            self._fault("EVENT_GRID_KEY", "is that of the local stack, which everybody knows")
        if self._faults:
            raise SettingsError(self._faults)
        return settings

    def _get(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def _fault(self, name: str, message: str) -> None:
        self._faults.setdefault(name, message)

    def _communication(self) -> tuple[str, str | None]:
        name = self._one_of("COMMUNICATION_CONNECTION_STRING", "COMMUNICATION_ENDPOINT")
        if name is None:
            return "", None
        if name == "COMMUNICATION_ENDPOINT":
            return self._https(name, self._endpoint(name, self._get(name))), None
        parts = _pairs(self._get(name))
        key = parts.get("accesskey", "")
        if "endpoint" not in parts or not _is_base64(key):
            self._fault(name, "is not endpoint=https://…;accesskey=… as the portal shows it")
        return self._endpoint(name, parts.get("endpoint", "")), key

    def _endpoint(self, name: str, url: str) -> str:
        url = url.rstrip("/")  # the SDK would sign "host/" for a trailing slash, which ACS refuses
        if not is_safe_url(url) or urlsplit(url).path or urlsplit(url).query:
            self._fault(name, "needs an endpoint https://<resource>.communication.azure.com")
        return url

    def _https(self, name: str, url: str) -> str:
        """The SDKs send a managed identity's token over TLS only, also on this machine."""
        if not url.startswith("https://"):
            self._fault(name, "must be https, because it is used with a managed identity's token")
        return url

    def _resource(self, endpoint: str) -> str:
        given = self._guid("COMMUNICATION_RESOURCE_ID", "the immutable resource id")
        # The port is left out: an emulator that moved is still the same resource.
        return given or (hostname(endpoint) or "")

    def _guid(self, name: str, what: str) -> str:
        given = self._get(name)
        if given and not _GUID.fullmatch(given):
            self._fault(name, f"is not a GUID ({what})")
        return given.lower()

    def _tables(self) -> tuple[str, str]:
        name = self._one_of("TABLES_CONNECTION_STRING", "TABLES_ENDPOINT")
        if name == "TABLES_ENDPOINT":
            url = self._get(name).rstrip("/")
            if not is_safe_url(url):
                self._fault(name, "needs an endpoint https://<account>.table.core.windows.net")
            return "", self._https(name, url)
        if name is None:
            return "", ""
        text = self._get(name)
        parts = _pairs(text)
        by_key = "accountname" in parts and _is_base64(parts.get("accountkey", ""))
        by_signature = {"sharedaccesssignature", "tableendpoint"} <= parts.keys()
        # The SDK splits the text more simply than we do.
        plain = all("=" in part and " =" not in part for part in text.strip(";").split(";"))
        if not plain or not (by_key or by_signature):
            self._fault(name, "is not AccountName=…;AccountKey=…;… as the portal shows it")
        if "tableendpoint" in parts and not is_safe_url(parts["tableendpoint"]):
            self._fault(name, "has a TableEndpoint that is neither https nor on this machine")
        if (
            parts.get("defaultendpointsprotocol", "https") != "https"
            and "tableendpoint" not in parts
        ):
            self._fault(name, "must use DefaultEndpointsProtocol=https")
        return text, ""

    def _graph(self) -> str:
        url = self._get("GRAPH_ENDPOINT").rstrip("/")
        if url and not (is_safe_url(url) and (url in _GRAPH_CLOUDS or is_loopback(url))):
            self._fault("GRAPH_ENDPOINT", f"is none of {', '.join(_GRAPH_CLOUDS)}")
        if not url and self._get("MEETING_ORGANIZER_ID"):
            self._fault("MEETING_ORGANIZER_ID", "has no effect without GRAPH_ENDPOINT")
        return url

    def _scopes(self) -> frozenset[str]:
        scopes = frozenset(listed(self._get("TOKEN_SCOPES"))) or frozenset({"voip"})
        if not scopes <= set(SCOPES):
            self._fault("TOKEN_SCOPES", f"knows only {', '.join(SCOPES)}")
        return scopes

    def _scopes_by_role(self) -> dict[str, frozenset[str]]:
        text = self._get("TOKEN_SCOPES_BY_ROLE")
        try:
            listed_by_role = json.loads(text) if text else {}
            found = {role: frozenset(scopes) for role, scopes in listed_by_role.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            found = {"": frozenset({""})}
        if not frozenset().union(*found.values()) <= set(SCOPES):
            self._fault("TOKEN_SCOPES_BY_ROLE", f'is not {{"Role": ["…"]}} of {", ".join(SCOPES)}')
        return found

    def _one_of(self, first: str, second: str) -> str | None:
        given = [name for name in (first, second) if self._get(name)]
        if len(given) == 2:  # noqa: PLR2004
            self._fault(second, f"is given beside {first}; keep one")
        elif not given:
            self._fault(first, f"is missing; or set {second} for managed identity")
        return given[0] if given else None

    def _integer(self, name: str, default: int, low: int, high: int) -> int:
        return int(self._number(name, default, low, high, int))

    def _seconds(self, name: str, default: float, low: float, high: float) -> float:
        return self._number(name, default, low, high, float)

    def _number(
        self, name: str, default: float, low: float, high: float, parse: Callable[[str], float]
    ) -> float:
        text = self._get(name)
        try:
            value = parse(text) if text else default
        except ValueError:
            value = low - 1
        if not low <= value <= high:  # also for NaN
            self._fault(name, f"is not a number from {low} to {high}")
            return default
        return value

    def _flag(self, name: str) -> bool:
        text = self._get(name).lower()
        if text not in ("", "true", "false", "1", "0"):
            self._fault(name, "is neither true nor false")
        return text in ("true", "1")


def _pairs(connection_string: str) -> dict[str, str]:
    """Split `name=value;…`; names are compared in lower case, values may hold `=`."""
    pairs = (part.partition("=") for part in connection_string.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except ValueError:  # binascii.Error is one, and so is what is not ASCII
        return False
