"""Settings: every fault at once, named, and no secret in any of it."""

import json

import pytest

from shared.bot_calls.choices import Connect, HangUp, Say
from shared.bot_calls.scripts import Menu
from shared.calls.spoken import DEFAULT_VOICE
from shared.settings import load
from shared.settings_reader import SettingsError
from tests.project.settings_world import GOOD, KEY, TENANT, faults


def test_the_least_that_works() -> None:
    settings = load(GOOD)

    assert settings.upstream.communication_endpoint == "https://x.communication.azure.com"
    assert settings.upstream.communication_resource == "x.communication.azure.com"
    assert settings.auth.issuers[0].audiences == ("api://one", "api://two")
    assert (settings.auth.issuers[0].user_claim, settings.auth.issuers[0].realm) == (
        "sub",
        "https://issuer.example/",
    )
    assert settings.identity.token_scopes == {"voip"}
    assert (settings.identity.token_minutes, settings.identity.token_max_minutes) == (60, 1440)
    assert settings.upstream.timeout == 10
    assert not settings.auth.easy_auth


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load({})

    assert set(caught.value.faults) == {
        "COMMUNICATION_CONNECTION_STRING",
        "TABLES_CONNECTION_STRING",
        "AUTH_ISSUER",
        "AUTH_AUDIENCE",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMMUNICATION_CONNECTION_STRING", "https://x.communication.azure.com"),
        ("COMMUNICATION_CONNECTION_STRING", "endpoint=https://x.example/;accesskey=not base64"),
        ("COMMUNICATION_CONNECTION_STRING", f"endpoint=http://x.example/;accesskey={KEY}"),
        ("COMMUNICATION_CONNECTION_STRING", f"endpoint=https://x.example/path;accesskey={KEY}"),
        ("COMMUNICATION_CONNECTION_STRING", f"endpoint=https://[bad/;accesskey={KEY}"),
        ("COMMUNICATION_RESOURCE_ID", "my-resource"),
        ("TABLES_CONNECTION_STRING", "AccountName=only"),
        (
            "TABLES_CONNECTION_STRING",
            f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey={KEY}",
        ),
        ("TABLES_CONNECTION_STRING", "AccountName=a;AccountKey=not base64"),
        ("AUTH_ISSUER", "http://issuer.example"),
        ("AUTH_ISSUER", "https://login.microsoftonline.com/common/v2.0"),
        ("AUTH_USER_CLAIM", "email"),
        ("AUTH_USER_CLAIM", "upn"),
        ("AUTH_USER_CLAIM", "Emails"),
        ("AUTH_USER_CLAIM", "aud"),
        ("AUTH_USER_CLAIM", "jti"),
        ("AUTH_USER_CLAIM", "sub\r\nX: y"),
        ("AUTH_ISSUER", "https://user@issuer.example"),
        ("AUTH_ISSUER", "http://evil.example\\@127.0.0.1/"),
        ("AUTH_ISSUER", "https://issuer example"),
        ("TABLES_CONNECTION_STRING", "AccountName=a;AccountKey=\u00e9\u00e9\u00e9\u00e9"),
        ("TABLES_CONNECTION_STRING", f"AccountName=a;AccountKey={KEY};stray"),
        ("TABLES_CONNECTION_STRING", f"AccountName = a;AccountKey={KEY}"),
        ("TABLES_CONNECTION_STRING", "SharedAccessSignature=sv=x"),
        ("AUTH_ISSUERS", "[]"),
        ("AUTH_ISSUERS", "[" * 100_000),
        ("AUTH_ISSUERS", "{}"),
        ("AUTH_ISSUERS", "not json"),
        ("AUTH_EASY_AUTH", "maybe"),
        ("API_DOCS", "maybe"),
        ("TOKEN_SCOPES", "voip,video"),
        ("TOKEN_LIFETIME_MINUTES", "59"),
        ("TOKEN_LIFETIME_MINUTES", "an hour"),
        ("TOKEN_MAX_LIFETIME_MINUTES", "1441"),
        ("UPSTREAM_TIMEOUT_SECONDS", "-17"),
        ("UPSTREAM_TIMEOUT_SECONDS", "nan"),
        ("GRAPH_ENDPOINT", "https://graph.evil.example"),
        ("GRAPH_ENDPOINT", "http://graph.microsoft.com"),
        ("GRAPH_ENDPOINT", "https://graph.microsoft.com/v1.0"),
        ("MEETING_ORGANIZER_ID", "dave@contoso.example"),
        ("CALLER_ID_NUMBER", "425-555-0100"),
        ("DIAL_PREFIXES", "0044"),
        ("DIAL_PREFIXES", "+1425;+44"),
        ("DIAL_PREFIXES", "+x"),
        ("MAX_CALLS_PER_CALLER", "-7"),
        ("MAX_CALLS_PER_CALLER", "501"),
        ("MAX_CALLS_PER_ACCOUNT", "-1"),
        ("MAX_CALLS_PER_ACCOUNT", "501"),
        ("MAX_LEGS_PER_MINUTE", "-1"),
        ("MAX_LEGS_PER_MINUTE", "501"),
        ("RECORDING_NOTICE", "http://audio.example.com/notice.wav"),
        ("RECORDING_NOTICE", "data:audio/wav;base64,AAAA"),
        ("RECORDING_NOTICE", "x" * 5001),
        ("RECORDING_STORAGE_URL", "http://storage.example.com"),
        ("PLAY_SOURCE_HOSTS", "https://sounds.example.com"),
        ("PLAY_SOURCE_HOSTS", "*.example.com"),
        ("COGNITIVE_SERVICES_ENDPOINT", "http://speech.example.com"),
        ("CALL_RETENTION_DAYS", "forever"),
        ("CALLBACK_ISSUER", "acs"),
        ("CALLBACK_JWKS_URL", "http://keys.example.com"),
        ("BOT_GREETING", "http://audio.example.com/hello.wav"),
        ("BOT_GREETING", "https://user@audio.example.com/hello.wav"),
        ("BOT_GREETING", "ftp://audio.example.com/hello.wav"),
        ("BOT_GREETING", "data:audio/wav;base64,AAAA"),
        ("EVENT_GRID_KEY", ",,"),
        ("EVENT_GRID_KEY", "devstack-well-known-event-grid-key-for-loopback"),
        ("BOT_VOICE", "Jenny, please"),
        ("EVENT_GRID_KEY", "x" * 31),
        ("EVENT_GRID_KEY", f"{'x' * 32}, {'y' * 31}"),
        ("EVENT_GRID_KEY", "x" * 32 + " and blanks"),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(name: str, value: str) -> None:
    found = faults(**{name: value})

    assert list(found) == [name]
    assert value not in found[name]


def test_a_lifetime_above_the_ceiling_is_a_fault() -> None:
    found = faults(TOKEN_LIFETIME_MINUTES="120", TOKEN_MAX_LIFETIME_MINUTES="60")

    assert list(found) == ["TOKEN_LIFETIME_MINUTES"]


def test_a_setting_that_needs_another_says_so() -> None:
    organizer = faults(MEETING_ORGANIZER_ID="acde0000-0000-4000-8000-00000000da7e")
    callbacks = faults(CALLBACK_BASE_URL="https://app.example", COMMUNICATION_RESOURCE_ID="")

    assert "GRAPH_ENDPOINT" in organizer["MEETING_ORGANIZER_ID"]
    assert "CALLBACK_BASE_URL" in callbacks["COMMUNICATION_RESOURCE_ID"]


def test_what_may_be_dialled_and_played_is_nothing_unless_it_is_said() -> None:
    least = load(GOOD).calls
    some = load({**GOOD, "DIAL_PREFIXES": "+1425, +44", "PLAY_SOURCE_HOSTS": "A.Example.com"}).calls
    none = load({**GOOD, "DIAL_PREFIXES": "none"}).calls

    assert (least.dial_prefixes, least.play_hosts) == ((), frozenset())
    assert some.dial_prefixes == ("+1425", "+44")
    assert some.play_hosts == {"a.example.com"}
    assert none.dial_prefixes == ()


SPEECH = {"COGNITIVE_SERVICES_ENDPOINT": "https://speech.example.com"}
BOT = {**SPEECH, "BOT_GREETING": "Welcome."}


def test_the_page_of_the_description_is_shown_to_nobody_unless_it_is_said() -> None:
    assert not load(GOOD).has_api_docs
    assert not load({**GOOD, "API_DOCS": "false"}).has_api_docs
    assert load({**GOOD, "API_DOCS": "true"}).has_api_docs


def test_nobody_is_answered_unless_it_is_said_what_they_hear() -> None:
    least = load(GOOD).bot_calls
    audio = load({**GOOD, "BOT_GREETING": "https://audio.example.com/hello.wav"}).bot_calls
    keys = load({**GOOD, "EVENT_GRID_KEY": f"{'x' * 32},{'y' * 32}"}).bot_calls

    assert (
        least.default.greeting,
        least.default.menu,
        least.event_grid_keys,
        least.event_grid_tenant,
    ) == (
        "",
        Menu(),
        (),
        "",
    )
    assert (audio.default.greeting, audio.default.voice) == (
        "https://audio.example.com/hello.wav",
        DEFAULT_VOICE,
    )
    assert keys.event_grid_keys == ("x" * 32, "y" * 32)
    assert "x" * 32 not in repr(keys)


def test_a_menu_says_what_each_tone_does() -> None:
    menu = {
        "prompt": "Press a key.",
        "1": {"connect": "carol"},
        "2": {"say": "From nine to five."},
        "#": {"say": "https://audio.example.com/hours.wav"},
        "0": "hang up",
    }

    read = load({**GOOD, **BOT, "BOT_MENU": json.dumps(menu)}).bot_calls.default.menu

    assert read.prompt == "Press a key."
    assert read.choices == {
        "1": Connect("carol"),
        "2": Say("From nine to five."),
        "#": Say("https://audio.example.com/hours.wav"),
        "0": HangUp(),
    }


@pytest.mark.parametrize(
    ("menu", "wrong"),
    [
        ("not json", ""),
        ("[]", ""),
        ("[" * 100_000, ""),
        ("{}", "empty"),
        ('{"prompt": "Press a key."}', "empty"),
        ('{"10": "hang up"}', "a key other than"),
        ('{"a": "hang up"}', "a key other than"),
        ('{"+14255550123": "hang up", "": "hang up", "7": 7}', "7, a key other than"),
        ('{"1": "hang up now", "2": "hang up", "3": 3}', "1, 3"),
        ('{"1": {"dial": "+14255550123"}}', "1"),
        ('{"1": {"phoneNumber": "+14255550123"}}', "1"),
        ('{"1": {"connect": "+14255550123"}}', "1"),  # a number is never dialled
        ('{"1": {"connect": "carol", "say": "Hello"}}', "1"),
        ('{"1": {"connect": ""}}', "1"),
        ('{"1": {"connect": ["carol"]}}', "1"),
        ('{"1": {"connect": "\\ud800"}}', "1"),
        ('{"1": {"say": "\\udfff"}}', "1"),
        ('{"1": {"say": "ftp://audio.example.com/a.wav"}}', "1"),
        ('{"1": {"say": ""}}', "1"),
        ('{"1": {"say": "http://audio.example.com/a.wav"}}', "1"),
        ('{"1": "hang up", "prompt": 7}', "prompt"),
    ],
)
def test_what_is_wrong_with_a_menu_is_told_all_at_once(menu: str, wrong: str) -> None:
    found = faults(**BOT, BOT_MENU=menu)

    assert list(found) == ["BOT_MENU"]
    assert wrong in found["BOT_MENU"].partition("wrong here")[2 if wrong else 1]
    assert "4255550123" not in found["BOT_MENU"]


def test_what_a_bot_needs_besides_is_named() -> None:
    menu = '{"1": "hang up"}'
    unspoken = faults(
        BOT_GREETING="https://audio.example.com/a.wav", BOT_MENU='{"1": {"say": "x"}}'
    )

    assert set(faults(BOT_GREETING="Welcome.")) == {"COGNITIVE_SERVICES_ENDPOINT"}
    assert set(unspoken) == {"COGNITIVE_SERVICES_ENDPOINT"}
    assert set(faults(BOT_MENU=menu)) == {"BOT_GREETING"}


def test_a_notice_that_nothing_speaks_is_a_fault() -> None:
    assert set(faults(RECORDING_NOTICE="This is recorded.")) == {"COGNITIVE_SERVICES_ENDPOINT"}

    spoken = load({**GOOD, **SPEECH, "RECORDING_NOTICE": "<This> is recorded."}).calls
    played = load({**GOOD, "RECORDING_NOTICE": "https://audio.example.com/notice.wav"}).calls

    assert (spoken.recording_notice, spoken.notice_voice) == ("<This> is recorded.", DEFAULT_VOICE)
    assert played.recording_notice == "https://audio.example.com/notice.wav"
    assert load(GOOD).calls.recording_notice == ""


def test_entras_half_of_event_grid_is_no_proof() -> None:
    assert set(faults(EVENT_GRID_TENANT=TENANT)) == {"EVENT_GRID_AUDIENCE"}
    assert set(faults(EVENT_GRID_AUDIENCE="api://one")) == {"EVENT_GRID_TENANT"}
    assert set(faults(EVENT_GRID_AUDIENCE="api://one", EVENT_GRID_TENANT="contoso.example")) == {
        "EVENT_GRID_TENANT"
    }
    both = {"EVENT_GRID_AUDIENCE": "api://one", "EVENT_GRID_TENANT": TENANT.upper()}
    assert set(faults(**both, EVENT_GRID_JWKS_URL="http://keys.example.com")) == {
        "EVENT_GRID_JWKS_URL"
    }
    whole = load({**GOOD, **both}).bot_calls
    assert (whole.event_grid_tenant, whole.event_grid_audiences) == (TENANT, ("api://one",))
    assert set(faults(**{**both, "EVENT_GRID_AUDIENCE": ","})) == {"EVENT_GRID_AUDIENCE"}
    assert whole.entra_keys_url.startswith(f"https://login.microsoftonline.com/{TENANT}/")


def test_two_ways_to_the_same_service_are_a_fault() -> None:
    found = faults(COMMUNICATION_ENDPOINT="https://x.example", TABLES_ENDPOINT="https://y.example")

    assert set(found) == {"COMMUNICATION_ENDPOINT", "TABLES_ENDPOINT"}


def test_a_managed_identitys_token_is_sent_over_tls_only() -> None:
    by_key = {"COMMUNICATION_CONNECTION_STRING": "", "TABLES_CONNECTION_STRING": ""}
    endpoint = "http://127.0.0.1:7073"
    found = faults(**by_key, COMMUNICATION_ENDPOINT=endpoint, TABLES_ENDPOINT=endpoint)

    assert set(found) == {"COMMUNICATION_ENDPOINT", "TABLES_ENDPOINT"}


def test_http_is_for_this_machine_only() -> None:
    for host in ("127.0.0.1:7072", "localhost:7072", "[::1]:7072"):
        assert (
            load({**GOOD, "AUTH_ISSUER": f"http://{host}"}).auth.issuers[0].url.startswith("http:")
        )
    for host in ("127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"):
        assert "AUTH_ISSUER" in faults(AUTH_ISSUER=f"http://{host}")


REFERENCE = "@Microsoft.KeyVault(SecretUri=https://vault.example/secrets/name)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EVENT_GRID_KEY", REFERENCE),
        ("AUTH_AUDIENCE", REFERENCE),
        ("AUTH_AUDIENCE", "@microsoft.appconfiguration(Endpoint=https://x.example; Key=y)"),
        ("BOT_GREETING", REFERENCE),
        ("BOT_MENU", json.dumps({"1": {"say": REFERENCE}})),
        ("AUTH_ISSUERS", json.dumps([{"issuer": "https://a.example", "audience": REFERENCE}])),
        ("TOKEN_SCOPES_BY_ROLE", json.dumps({REFERENCE: ["voip"]})),
        ("AUTH_ISSUER", "https://login.microsoftonline.com/<tenant id>/v2.0"),
        ("CALLBACK_BASE_URL", "https://YOUR-APP.azurewebsites.net"),
        ("AUTH_AUDIENCE", "…"),
        ("AUTH_AUDIENCE", "api://…"),
        (
            "AUTH_ISSUERS",
            '[{"issuer": "https://a.example", "audience": "\\u0040Microsoft.KeyVault(x)"}]',
        ),
        ("AUTH_ISSUERS", '[{"issuer": "http://HOST/adfs/services/trust", "audience": "x"}]'),
        ("AUTH_ISSUERS", '[{"issuer": "https://T.b2clogin.com/TENANT-ID/v2.0/"}]'),
        ("BOT_GREETING", "…"),
        ("BOT_MENU", '{"1": {"connect": "…"}}'),
        ("RECORDING_NOTICE", "<what is played>"),
        ("EVENT_GRID_KEY", "YOUR-KEY-OF-THIRTY-TWO-CHARACTERS-OR-MORE"),
        ("TIDY_SCHEDULE", REFERENCE),
        ("AzureWebJobsStorage", REFERENCE),
        ("AZURE_CLIENT_ID", REFERENCE),
        ("IDENTITY_HEADER", REFERENCE),
    ],
)
def test_a_text_that_nobody_meant_as_a_value_is_a_wrong_setting(name: str, value: str) -> None:
    found = faults(**BOT, **{name: value}) if name not in BOT else faults(**{**BOT, name: value})

    assert name in found
    assert value not in found[name]
    assert "reference" in found[name] or "placeholder" in found[name]


def test_a_greeting_may_pause() -> None:
    greeting = "Welcome … one moment, <please>, or call YOUR-FRIEND"

    assert load({**GOOD, **BOT, "BOT_GREETING": greeting}).bot_calls.default.greeting == greeting


def test_no_secret_in_a_repr() -> None:
    assert KEY not in repr(load(GOOD))
