"""The settings of calls: what may be dialled, played and spoken, and where ACS reaches us."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.urls import is_safe_url

# ACS's own, for callbacks: the issuer of their tokens, and where it publishes its keys
# (reference: "JWT on callbacks").
CALLBACK_ISSUER = "https://acscallautomation.communication.azure.com"
CALLBACK_JWKS_URL = f"{CALLBACK_ISSUER}/calling/keys"

# E.164: a plus and up to 15 digits, the first of them a country code's.
E164 = re.compile(r"\+[1-9][0-9]{1,14}")
_PREFIX = re.compile(r"\+[1-9][0-9]{0,14}")
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True)
class CallSettings:
    """
    Attributes:
        caller_id: an E.164 number of the resource, or empty.
        dial_prefixes: numbers that begin so may be called; none by default.
        most_live: calls of one caller at a time.
        play_hosts: where audio may be fetched from, in lower case.
        speech_endpoint: of Azure AI services, for text to speech; or empty.
        retention_days: how long an ended call is kept.
        callback_base: where ACS reaches this app, without a slash at the end; or empty.
        callback_issuer, callback_keys_url: who signs the callbacks' tokens.
    """

    caller_id: str = field(repr=False)
    dial_prefixes: tuple[str, ...]
    most_live: int
    play_hosts: frozenset[str]
    speech_endpoint: str
    retention_days: int
    callback_base: str
    callback_issuer: str
    callback_keys_url: str


def read_call_settings(
    get: Callable[[str], str],
    fault: Callable[[str, str], None],
    integer: Callable[[str, int, int, int], int],
) -> CallSettings:
    """Read and check them; `fault` is told of each that is wrong."""
    caller_id = get("CALLER_ID_NUMBER")
    if caller_id and not E164.fullmatch(caller_id):
        fault("CALLER_ID_NUMBER", "is no number such as +14255550100")
    prefixes = _listed(get("DIAL_PREFIXES"))
    if not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        fault("DIAL_PREFIXES", "is no list such as +1425,+44; none by default")
    hosts = frozenset(host.lower() for host in _listed(get("PLAY_SOURCE_HOSTS")))
    if not all(_HOST.fullmatch(host) for host in hosts):
        fault("PLAY_SOURCE_HOSTS", "is no list of host names such as sounds.example.com")
    return CallSettings(
        caller_id=caller_id,
        dial_prefixes=prefixes,
        most_live=integer("MAX_CALLS_PER_CALLER", 5, 1, 1000),
        play_hosts=hosts,
        speech_endpoint=_url("COGNITIVE_SERVICES_ENDPOINT", get, fault),
        retention_days=integer("CALL_RETENTION_DAYS", 30, 1, 3650),
        callback_base=_url("CALLBACK_BASE_URL", get, fault),
        callback_issuer=_url("CALLBACK_ISSUER", get, fault) or CALLBACK_ISSUER,
        callback_keys_url=_url("CALLBACK_JWKS_URL", get, fault) or CALLBACK_JWKS_URL,
    )


def _url(name: str, get: Callable[[str], str], fault: Callable[[str, str], None]) -> str:
    url = get(name).rstrip("/")
    if url and not is_safe_url(url):
        fault(name, "is neither https nor on this machine")
    return url


def _listed(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    return () if parts == ("none",) else parts
