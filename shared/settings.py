"""All settings, read once; every fault reported at once; secrets never in a repr or a message."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

SCOPES = ("chat", "chat.join", "chat.join.limited", "voip", "voip.join")
# Minutes; ACS itself accepts no others (reference: expiresInMinutes 60..1440).
MIN_TOKEN_MINUTES, MAX_TOKEN_MINUTES = 60, 1440

# Claims that their owner or an administrator can change or reuse: no key for an identity.
_CHANGEABLE_CLAIMS = frozenset(
    (
        "email",
        "family_name",
        "given_name",
        "name",
        "nickname",
        "phone_number",
        "preferred_username",
        "unique_name",
        "upn",
    )
)
# Hosts whose issuers are Entra tenants; one tenant has a v1 and a v2 issuer.
_ENTRA_HOSTS = frozenset(
    (
        "login.microsoftonline.com",
        "sts.windows.net",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "sts.chinacloudapi.cn",
    )
)
_ENTRA_SUFFIX = ".ciamlogin.com"  # Entra External ID
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class SettingsError(Exception):
    """Some settings are wrong.

    Attributes:
        faults: setting name -> what is wrong with it and what it should be. Never a value.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()))
        self.faults = dict(faults)


@dataclass(frozen=True)
class Issuer:
    """One OIDC issuer whose tokens are accepted, for its own audiences only.

    Attributes:
        tenant: the Entra tenant id from the issuer URL; None for any other issuer.
    """

    url: str
    audiences: tuple[str, ...]
    user_claim: str
    name_claim: str
    roles_claim: str
    tenant: str | None

    @property
    def realm(self) -> str:
        return f"entra:{self.tenant}" if self.tenant else self.url


@dataclass(frozen=True)
class Settings:
    """The validated settings. Keys and connection strings stay out of the repr.

    Attributes:
        communication_key: None means managed identity.
        communication_resource: names the resource in storage keys.
        tables_connection_string: empty means managed identity at `tables_endpoint`.
        upstream_timeout: seconds for one request, all its upstream calls and retries included.
    """

    communication_endpoint: str
    communication_key: str | None = field(repr=False)
    communication_resource: str
    tables_connection_string: str = field(repr=False)
    tables_endpoint: str
    issuers: tuple[Issuer, ...]
    easy_auth: bool
    token_scopes: frozenset[str]
    token_minutes: int
    token_max_minutes: int
    upstream_timeout: float


def load(environment: Mapping[str, str]) -> Settings:
    """Read and check everything.

    Raises:
        SettingsError: naming every wrong setting.
    """
    return _Reader(environment).settings()


def is_safe_url(url: str) -> bool:
    """https, or http on this very machine (an emulator)."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that is no number
    except ValueError:
        return False
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts))
    )


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
            issuers=self._issuers(),
            # Only the platform strips these headers from strangers, and only while it is on.
            easy_auth=self._flag("AUTH_EASY_AUTH") and self._flag("WEBSITE_AUTH_ENABLED"),
            token_scopes=self._scopes(),
            token_minutes=minutes,
            token_max_minutes=most,
            upstream_timeout=self._seconds("UPSTREAM_TIMEOUT_SECONDS", 10, 1, 60),
        )
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
            return self._endpoint(name, self._get(name)), None
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

    def _resource(self, endpoint: str) -> str:
        given = self._get("COMMUNICATION_RESOURCE_ID")
        if given and not _GUID.fullmatch(given):
            self._fault("COMMUNICATION_RESOURCE_ID", "is not a GUID (the immutable resource id)")
        # The port is left out: an emulator that moved is still the same resource.
        return given.lower() or (_hostname(endpoint) or "")

    def _tables(self) -> tuple[str, str]:
        name = self._one_of("TABLES_CONNECTION_STRING", "TABLES_ENDPOINT")
        if name == "TABLES_ENDPOINT":
            url = self._get(name).rstrip("/")
            if not is_safe_url(url):
                self._fault(name, "needs an endpoint https://<account>.table.core.windows.net")
            return "", url
        if name is None:
            return "", ""
        text = self._get(name)
        parts = _pairs(text)
        if not ({"accountname", "accountkey"} <= parts.keys() or "sharedaccesssignature" in parts):
            self._fault(name, "is not AccountName=…;AccountKey=…;… as the portal shows it")
        if "tableendpoint" in parts and not is_safe_url(parts["tableendpoint"]):
            self._fault(name, "has a TableEndpoint that is neither https nor on this machine")
        if (
            parts.get("defaultendpointsprotocol", "https") != "https"
            and "tableendpoint" not in parts
        ):
            self._fault(name, "must use DefaultEndpointsProtocol=https")
        return text, ""

    def _issuers(self) -> tuple[Issuer, ...]:
        issuers: list[Issuer] = []
        if self._get("AUTH_ISSUER") or not self._get("AUTH_ISSUERS"):
            issuers.append(self._issuer(self._get, lambda name: name))
        for position, entry in enumerate(self._issuer_list()):
            issuers.append(
                self._issuer(
                    lambda name, entry=entry: str(entry.get(name, "")).strip(),  # type: ignore[misc]
                    lambda name, position=position: f"AUTH_ISSUERS[{position}].{name}",  # type: ignore[misc]
                )
            )
        urls = [issuer.url for issuer in issuers]
        if len(set(urls)) < len(urls):
            self._fault(
                "AUTH_ISSUERS", "names an issuer twice; list all its audiences in one entry"
            )
        return tuple(issuers)

    def _issuer_list(self) -> list[dict[str, object]]:
        text = self._get("AUTH_ISSUERS")
        if not text:
            return []
        try:
            entries = json.loads(text)
        except ValueError:
            entries = None
        known = {f"AUTH_{name}" for name in _ISSUER_FIELDS}
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            self._fault("AUTH_ISSUERS", 'is not a JSON list such as [{"AUTH_ISSUER": "…", …}]')
            return []
        entries = [
            {_ISSUER_FIELD_NAMES.get(k, k): v for k, v in entry.items()} for entry in entries
        ]
        for position, entry in enumerate(entries):
            for name in entry.keys() - known:
                self._fault(
                    f"AUTH_ISSUERS[{position}].{name}", f"is unknown; known: {sorted(known)}"
                )
            audience = entry.get("AUTH_AUDIENCE")
            if isinstance(audience, list):
                entry["AUTH_AUDIENCE"] = ",".join(map(str, audience))
        return entries

    def _issuer(self, get: Callable[[str], str], label: Callable[[str], str]) -> Issuer:
        url = get("AUTH_ISSUER")
        if not url:
            self._fault(
                label("AUTH_ISSUER"), "is missing: the issuer URL of your identity provider"
            )
        elif not is_safe_url(url):
            self._fault(label("AUTH_ISSUER"), "is neither https nor on this machine")
        audiences = _listed(get("AUTH_AUDIENCE"))
        if not audiences:
            self._fault(
                label("AUTH_AUDIENCE"), "is missing: the audience of tokens for this service"
            )
        entra = _is_entra(url)
        tenant = urlsplit(url).path.split("/")[1] if entra and urlsplit(url).path else ""
        if entra and not _GUID.fullmatch(tenant):
            self._fault(
                label("AUTH_ISSUER"),
                "must name the Entra tenant by its id: https://login.microsoftonline.com/<id>/v2.0",
            )
        user_claim = get("AUTH_USER_CLAIM") or ("oid" if entra else "sub")
        if user_claim in _CHANGEABLE_CLAIMS:
            self._fault(
                label("AUTH_USER_CLAIM"), "can change or be reused; take sub, or oid for Entra"
            )
        return Issuer(
            url=url,
            audiences=audiences,
            user_claim=user_claim,
            name_claim=get("AUTH_NAME_CLAIM") or "name",
            roles_claim=get("AUTH_ROLES_CLAIM") or "roles",
            tenant=tenant.lower() if entra else None,
        )

    def _scopes(self) -> frozenset[str]:
        scopes = frozenset(_listed(self._get("TOKEN_SCOPES"))) or frozenset({"voip"})
        if not scopes <= set(SCOPES):
            self._fault("TOKEN_SCOPES", f"knows only {', '.join(SCOPES)}")
        return scopes

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


_ISSUER_FIELDS = ("ISSUER", "AUDIENCE", "USER_CLAIM", "NAME_CLAIM", "ROLES_CLAIM")
# In the JSON list the short form reads better: {"issuer": …, "userClaim": …}.
_ISSUER_FIELD_NAMES = {
    "issuer": "AUTH_ISSUER",
    "audience": "AUTH_AUDIENCE",
    "userClaim": "AUTH_USER_CLAIM",
    "nameClaim": "AUTH_NAME_CLAIM",
    "rolesClaim": "AUTH_ROLES_CLAIM",
}


def _pairs(connection_string: str) -> dict[str, str]:
    """Split `name=value;…`; names are compared in lower case, values may hold `=`."""
    pairs = (part.partition("=") for part in connection_string.split(";") if part.strip())
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_entra(url: str) -> bool:
    host = _hostname(url) or ""
    return host in _ENTRA_HOSTS or host.endswith(_ENTRA_SUFFIX)


def _is_loopback(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_base64(text: str) -> bool:
    try:
        return bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False
