"""The settings of sign-in: the OIDC issuers whose tokens are accepted (`AUTH_ISSUER` and its four
companions, or a list), and Easy Auth."""

import json
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlsplit

from shared.settings_reader import SettingsReader, comma_separated, is_guid
from shared.urls import hostname, is_safe_url

# Claims that a person or an administrator can change or reuse: they cannot identify anybody.
_CHANGEABLE_CLAIMS = {"email", "emails", "mail", "upn", "username", "unique_name", "nickname"} | {
    *("name", "given_name", "family_name", "preferred_username", "phone_number")
}
# Claims that many people share, and claims that differ between two tokens of one person.
_SHARED_CLAIMS = {"acr", "appid", "aud", "azp", "cid", "client_id", "idp", "iss", "tid"}
_FLEETING_CLAIMS = {"at_hash", "auth_time", "exp", "iat", "jti", "nbf", "nonce", "sid"}
_ISSUER_NAME = r"[!-~]{1,1024}"
# A path whose parts may be in quotes, because they have dots.
_QUOTED_PATH = r'("[^"]+"|[^".]+)(\.("[^"]+"|[^".]+))*'
# Claims that every token has, so that none of them proves a person.
_EVERYBODYS_CLAIMS = {"sub", "oid", "aud", "iss", "tid", "exp", "iat", "jti", "nbf"}
_CLAIM = r"[!-~]{1,128}"  # a challenge quotes it in a header
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
_COMPANIONS = ("AUTH_AUDIENCE", "AUTH_USER_CLAIM", "AUTH_NAME_CLAIM", "AUTH_ROLES_CLAIM")

# The JSON list may use the short form, which reads better: {"issuer": …, "userClaim": …}.
_SHORT_NAMES = {
    "issuer": "AUTH_ISSUER",
    "audience": "AUTH_AUDIENCE",
    "userClaim": "AUTH_USER_CLAIM",
    "nameClaim": "AUTH_NAME_CLAIM",
    "rolesClaim": "AUTH_ROLES_CLAIM",
}
# What only an entry of the list may say.
_OF_ENTRIES = ("metadataUrl", "jwksUrl", "personClaim")
_NAMES = frozenset((*_SHORT_NAMES.values(), *_OF_ENTRIES))

# Reports that a setting is wrong: its name, and what is wrong.
type ReportFault = Callable[[str, str], None]


class Issuer(NamedTuple):
    """One OIDC issuer; its tokens are accepted for its own audiences only.

    Attributes:
        url: exactly the `iss` claim of its tokens.
        tenant: the Entra tenant id from the issuer URL; None for any other issuer.
        metadata_url: of its discovery document, if that is not at the usual place below `url`.
        keys_url: of its key set, if no discovery document says where that is.
        person_claim: name and value of a claim that only the tokens of people have; if the value is
            empty, any will do. If None, people and apps are told apart by what is known of each
            provider.
        setting: the name of the setting that this comes from.
    """

    url: str
    audiences: tuple[str, ...]
    user_claim: str
    name_claim: str
    roles_claim: str
    tenant: str | None
    metadata_url: str = ""
    keys_url: str = ""
    person_claim: tuple[str, str] | None = None
    setting: str = "AUTH_ISSUER"

    @property
    def realm(self) -> str:
        """The realm within which user ids are unique: one for all issuers of an Entra tenant."""
        return f"entra:{self.tenant}" if self.tenant else self.url


class AuthSettings(NamedTuple):
    """
    Attributes:
        issuers: the issuers whose bearer tokens are accepted; that of `AUTH_ISSUER` first.
        easy_auth: whether the principal in Easy Auth's header is accepted too.
    """

    issuers: tuple[Issuer, ...]
    easy_auth: bool

    @property
    def issuers_by_url(self) -> dict[str, Issuer]:
        return {issuer.url: issuer for issuer in self.issuers}


def read_auth_settings(reader: SettingsReader) -> AuthSettings:
    return AuthSettings(
        issuers=_read_issuers(reader.text, reader.fault),
        # The platform removes forged headers from requests only while Easy Auth is on.
        easy_auth=reader.flag("AUTH_EASY_AUTH") and reader.flag("WEBSITE_AUTH_ENABLED"),
    )


def _read_issuers(get: Callable[[str], str], fault: ReportFault) -> tuple[Issuer, ...]:
    """All issuers of the settings, that of `AUTH_ISSUER` first.

    Args:
        get: the value of a setting, "" if it is not set.
    """
    issuers = []
    # A companion setting without AUTH_ISSUER is a mistake; it does not apply to the list.
    if not get("AUTH_ISSUERS") or any(map(get, ("AUTH_ISSUER", *_COMPANIONS))):
        issuers.append(_read_issuer(get, fault))
    for position, entry in enumerate(_read_list(get("AUTH_ISSUERS"), fault)):
        issuers.append(_read_entry(entry, f"AUTH_ISSUERS[{position}]", fault))
    urls = [issuer.url for issuer in issuers]
    if len(set(urls)) < len(urls):
        fault("AUTH_ISSUERS", "names an issuer twice; list all its audiences in one entry")
    return tuple(issuers)


def _read_list(text: str, fault: ReportFault) -> list[dict[str, object]]:
    if not text:
        return []
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        entries = None
    if not (isinstance(entries, list) and entries and all(isinstance(e, dict) for e in entries)):
        fault("AUTH_ISSUERS", 'is not a JSON list such as [{"AUTH_ISSUER": "…", …}]')
        return []
    return entries


def _read_entry(entry: dict[str, object], label: str, fault: ReportFault) -> Issuer:
    values: dict[str, str] = {}
    for key, value in entry.items():
        name = _SHORT_NAMES.get(key, key)
        texts = value if isinstance(value, list) and name == "AUTH_AUDIENCE" else [value]
        if name not in _NAMES:
            fault(label, f"has something unknown; known: {', '.join(sorted(_NAMES))}")
        elif name in values:
            fault(f"{label}.{key}", "is given twice")
        elif not all(isinstance(text, str) for text in texts):
            fault(f"{label}.{key}", "is not a text")
        values[name] = ",".join(map(str, texts)).strip()
    return _read_issuer(
        lambda name: values.get(name, ""),
        lambda name, message: fault(f"{label}.{name}", message),
        f"{label}.AUTH_ISSUER",
    )


def _read_issuer(
    get: Callable[[str], str], fault: ReportFault, setting: str = "AUTH_ISSUER"
) -> Issuer:
    url, audiences = get("AUTH_ISSUER"), comma_separated(get("AUTH_AUDIENCE"))
    _check_urls(url, get, fault)
    if not audiences:
        fault("AUTH_AUDIENCE", "is missing: the audience of tokens for this service")
    tenant = _entra_tenant(url)
    if tenant is not None and not is_guid(tenant):
        fault(
            "AUTH_ISSUER",
            "must name the Entra tenant by its id: https://login.microsoftonline.com/<id>/v2.0",
        )
    user_claim = get("AUTH_USER_CLAIM") or ("sub" if tenant is None else "oid")
    _check_user_claim(user_claim, fault)
    name_claim, roles_claim = get("AUTH_NAME_CLAIM") or "name", get("AUTH_ROLES_CLAIM") or "roles"
    if '"' in roles_claim and not re.fullmatch(_QUOTED_PATH, roles_claim):
        fault("AUTH_ROLES_CLAIM", 'is not a path such as resource_access."my.api".roles')
    return Issuer(
        url=url,
        audiences=audiences,
        user_claim=user_claim,
        name_claim=name_claim,
        roles_claim=roles_claim,
        tenant=tenant,
        metadata_url=get("metadataUrl"),
        keys_url=get("jwksUrl"),
        person_claim=_read_person_claim(get("personClaim"), fault),
        setting=setting,
    )


def _check_urls(url: str, get: Callable[[str], str], fault: ReportFault) -> None:
    """Where the issuer's documents are: below its own URL, or elsewhere."""
    elsewhere = [name for name in ("metadataUrl", "jwksUrl") if get(name)]
    for name in elsewhere:
        if not is_safe_url(get(name)):
            fault(name, "is neither https nor on this machine")
    if len(elsewhere) > 1:
        fault("jwksUrl", "is given beside metadataUrl, which says where the keys are; keep one")
    if not url:
        fault("AUTH_ISSUER", "is missing: the issuer URL of your identity provider")
    elif elsewhere:
        # Nothing is fetched from it: AD FS calls itself http://HOST/adfs/services/trust. But it
        # must not be taken for an Entra tenant's realm, or for another host's.
        if not re.fullmatch(_ISSUER_NAME, url) or url.startswith("entra:") or "@" in url:
            fault("AUTH_ISSUER", "is not the iss claim of a token")
    elif not is_safe_url(url):
        fault("AUTH_ISSUER", "is neither https nor on this machine")


def _read_person_claim(text: str, fault: ReportFault) -> tuple[str, str] | None:
    """`name`, or `name=value`."""
    if not text:
        return None
    name, _, value = (part.strip() for part in text.partition("="))
    if not re.fullmatch(_CLAIM, name) or ("=" in text and not value):
        fault("personClaim", "is neither the name of a claim nor name=value")
    elif not value and name.lower() in _EVERYBODYS_CLAIMS:
        fault("personClaim", "names a claim that the tokens of apps have too")
    return name, value


def _check_user_claim(claim: str, fault: ReportFault) -> None:
    """If a claim changes, people lose their identity; if it is shared, they share an identity."""
    name = claim.lower()
    if name in _CHANGEABLE_CLAIMS:
        fault("AUTH_USER_CLAIM", "names a claim that can change; take sub, or oid for Entra")
    elif name in _SHARED_CLAIMS:
        fault("AUTH_USER_CLAIM", "names a claim that many people share; take sub, or oid for Entra")
    elif name in _FLEETING_CLAIMS:
        fault("AUTH_USER_CLAIM", "names a claim of one token; take sub, or oid for Entra")
    elif not re.fullmatch(_CLAIM, claim):
        fault("AUTH_USER_CLAIM", "is not the name of a claim")


def _entra_tenant(url: str) -> str | None:
    """The tenant in an Entra issuer's path, which should be its id; None for any other issuer."""
    host = hostname(url) or ""
    if host not in _ENTRA_HOSTS and not host.endswith(_ENTRA_SUFFIX):
        return None
    return urlsplit(url).path.removeprefix("/").partition("/")[0].lower()
