"""The OIDC issuers whose tokens are accepted: `AUTH_ISSUER` and its four companions, or a list."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.urls import hostname, is_safe_url

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

# In the JSON list the short form reads better: {"issuer": …, "userClaim": …}.
_SHORT_NAMES = {
    "issuer": "AUTH_ISSUER",
    "audience": "AUTH_AUDIENCE",
    "userClaim": "AUTH_USER_CLAIM",
    "nameClaim": "AUTH_NAME_CLAIM",
    "rolesClaim": "AUTH_ROLES_CLAIM",
}
_NAMES = frozenset(_SHORT_NAMES.values())

# Reports that a setting is wrong: its name, and what is wrong.
type Fault = Callable[[str, str], None]


@dataclass(frozen=True)
class Issuer:
    """One issuer, for its own audiences only.

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
        """Within which ids are unique. All issuers of one Entra tenant share theirs."""
        return f"entra:{self.tenant}" if self.tenant else self.url


def read_issuers(get: Callable[[str], str], fault: Fault) -> tuple[Issuer, ...]:
    """All issuers of the settings, the single one first.

    Args:
        get: the value of a setting, "" where it is not set.
    """
    issuers = []
    if get("AUTH_ISSUER") or not get("AUTH_ISSUERS"):
        issuers.append(_read_issuer(get, fault))
    for position, entry in enumerate(_read_list(get("AUTH_ISSUERS"), fault)):
        issuers.append(_read_entry(entry, f"AUTH_ISSUERS[{position}]", fault))
    urls = [issuer.url for issuer in issuers]
    if len(set(urls)) < len(urls):
        fault("AUTH_ISSUERS", "names an issuer twice; list all its audiences in one entry")
    return tuple(issuers)


def listed(text: str) -> tuple[str, ...]:
    """The parts between commas, without blanks around them."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _read_list(text: str, fault: Fault) -> list[dict[str, object]]:
    if not text:
        return []
    try:
        entries = json.loads(text)
    except ValueError:
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        fault("AUTH_ISSUERS", 'is not a JSON list such as [{"AUTH_ISSUER": "…", …}]')
        return []
    return entries


def _read_entry(entry: dict[str, object], label: str, fault: Fault) -> Issuer:
    values = {_SHORT_NAMES.get(name, name): value for name, value in entry.items()}
    for name in values.keys() - _NAMES:
        fault(f"{label}.{name}", f"is unknown; known: {', '.join(sorted(_NAMES))}")

    def get(name: str) -> str:
        value = values.get(name, "")
        return ",".join(map(str, value)) if isinstance(value, list) else str(value).strip()

    return _read_issuer(get, lambda name, message: fault(f"{label}.{name}", message))


def _read_issuer(get: Callable[[str], str], fault: Fault) -> Issuer:
    url, audiences = get("AUTH_ISSUER"), listed(get("AUTH_AUDIENCE"))
    if not url:
        fault("AUTH_ISSUER", "is missing: the issuer URL of your identity provider")
    elif not is_safe_url(url):
        fault("AUTH_ISSUER", "is neither https nor on this machine")
    if not audiences:
        fault("AUTH_AUDIENCE", "is missing: the audience of tokens for this service")
    tenant = _entra_tenant(url)
    if tenant is not None and not _GUID.fullmatch(tenant):
        fault(
            "AUTH_ISSUER",
            "must name the Entra tenant by its id: https://login.microsoftonline.com/<id>/v2.0",
        )
    user_claim = get("AUTH_USER_CLAIM") or ("sub" if tenant is None else "oid")
    if user_claim in _CHANGEABLE_CLAIMS:
        fault("AUTH_USER_CLAIM", "can change or be reused; take sub, or oid for Entra")
    return Issuer(
        url=url,
        audiences=audiences,
        user_claim=user_claim,
        name_claim=get("AUTH_NAME_CLAIM") or "name",
        roles_claim=get("AUTH_ROLES_CLAIM") or "roles",
        tenant=tenant,
    )


def _entra_tenant(url: str) -> str | None:
    """The first part of an Entra issuer's path, None for any other issuer."""
    host = hostname(url) or ""
    if host not in _ENTRA_HOSTS and not host.endswith(_ENTRA_SUFFIX):
        return None
    return urlsplit(url).path.removeprefix("/").partition("/")[0].lower()
