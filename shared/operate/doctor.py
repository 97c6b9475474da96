"""python -m shared.operate.doctor: report what works, and how to mend what does not.

It asks the real services with the app's own settings, changes nothing, and prints no secret; with
`--deployed` also nothing that names the deployment.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import tables
from shared.auth.issuer_keys import IssuerKeys, keys_of
from shared.bot_calls.settings import BotCallSettings
from shared.identity.acs import IdentityApi
from shared.intents import Intents
from shared.meetings.graph import graph_api
from shared.meetings.settings import MeetingSettings
from shared.operate.deployed_report import heading, without_names
from shared.operate.health import Check
from shared.operate.overdue import TIDY_FIX, overdue_for
from shared.operate.sign_in import remedy_here
from shared.operate.teams_notes import GRANT, ConsentMissing, consent_checks, teams_notes
from shared.problems import IssuerMisconfigured, Problem, Throttled
from shared.settings import Settings, load
from shared.settings_reader import SettingsError
from shared.table_api import TableApi
from shared.unavailable import KeysUnavailable, Refused, TableMissing
from shared.upstream.clients import Upstream

# For one check; a managed identity's first token may take a few seconds.
_CHECK_SECONDS = 15.0


class _EntraKeysUnavailable(KeysUnavailable):
    """The keys of the tenant that signs Event Grid's tokens cannot be fetched."""


_FIXES: dict[type[Problem], str] = {
    TableMissing: "create it: python -m shared.operate.provision (with these settings)",
    Throttled: "it limits us just now: look again in a minute",
    KeysUnavailable: "AUTH_ISSUER must be reachable from here and be, to the letter, what"
    " <AUTH_ISSUER>/.well-known/openid-configuration calls 'issuer'",
    ConsentMissing: f"grant it: {GRANT} (with these settings)",
    _EntraKeysUnavailable: "EVENT_GRID_TENANT must be the id of an Entra tenant",
}
_FIX_UNREACHABLE = "is it running, and is the endpoint in the settings right?"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `fix` is empty if the subject works."""

    subject: str
    fix: str = ""

    def __str__(self) -> str:
        return f"FIX   {self.subject}: {self.fix}" if self.fix else f"ok    {self.subject}"


async def examine(environment: Mapping[str, str]) -> AsyncIterator[Finding]:
    """Check everything in turn. If a setting is wrong, only the settings are reported, because all
    other checks need them."""
    try:
        settings = load(environment)
    except SettingsError as error:
        for name, fault in error.faults.items():
            yield Finding(f"setting {name}", fault)
        return
    yield Finding("settings")
    for note in _notes(settings, environment):
        yield Finding(note)
    upstream = Upstream()
    try:
        for subject, check in _checks(settings, upstream).items():
            yield await _run(subject, check)
        if (overdue := await _overdue(settings, upstream)) is not None:
            yield overdue
    finally:
        await upstream.close()


def _notes(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Things that are not wrong, but that an operator should know."""
    notes = []
    if "voip" in settings.identity.token_scopes:
        notes.append(
            "note: tokens with voip can call, from the client, every phone number that the ACS"
            " resource may call; if it has numbers, give voip by role (TOKEN_SCOPES_BY_ROLE)"
        )
    if environment.get("AUTH_EASY_AUTH", "").strip() and not settings.auth.easy_auth:
        notes.append("note: AUTH_EASY_AUTH has no effect here: WEBSITE_AUTH_ENABLED is not true")
    if not environment.get("TIDY_SCHEDULE", "").strip():
        notes.append("note: TIDY_SCHEDULE is not set here: where the app has none, Tidy never runs")
    return notes + _notes_on_bots(settings) + teams_notes(settings)


def _notes_on_bots(settings: Settings) -> list[str]:
    """Why calls to bots are not answered: they need Event Grid, a greeting and a callback URL."""
    bots = settings.bot_calls
    if bots.can_verify_event_grid and not bots.answers_calls:
        return ["note: calls to bots are reported, but not answered: BOT_GREETING is not set"]
    if bots.can_verify_event_grid and not settings.calls.callback_base:
        return ["note: calls to bots are reported, but not answered: CALLBACK_BASE_URL is not set"]
    if bots.answers_calls and not bots.can_verify_event_grid:
        return [
            "note: calls to bots are not reported:"
            " neither EVENT_GRID_KEY nor EVENT_GRID_AUDIENCE is set"
        ]
    return []


def _checks(settings: Settings, upstream: Upstream) -> dict[str, Check]:
    acs = IdentityApi(settings.upstream, upstream)
    return {
        **{
            f"table {name}": tables.Table(TableApi(name, settings.upstream, upstream)).check
            for name in tables.ALL
        },
        f"communication {settings.upstream.communication_endpoint}": acs.check,
        **{
            f"issuer {n} {issuer.url}": keys_of(issuer, upstream.session).check
            for n, issuer in enumerate(settings.auth.issuers, 1)
        },
        **_graph_check(settings.meetings, upstream),
        **_event_grid_check(settings.bot_calls, upstream),
        **consent_checks(settings, upstream),
    }


def _graph_check(settings: MeetingSettings, upstream: Upstream) -> dict[str, Check]:
    """May the app create meetings? The readiness probe does not ask this, because everything else
    works without Graph."""
    graph = graph_api(settings, upstream)
    if graph is None:
        return {}
    organizer = settings.organizer
    subject = f"graph {settings.graph_endpoint}"
    if not organizer:
        return {
            f"{subject} (an organizer is not looked at: MEETING_ORGANIZER_ID)": graph.check_role
        }
    return {subject: lambda: graph.check(organizer)}


def _event_grid_check(settings: BotCallSettings, upstream: Upstream) -> dict[str, Check]:
    """Can the keys be fetched by which Event Grid's Entra tokens are verified?"""
    if not settings.event_grid_tenant:
        return {}
    keys = IssuerKeys("Entra, for Event Grid", upstream.session, keys_url=settings.entra_keys_url)

    async def check() -> None:
        try:
            await keys.check()
        except KeysUnavailable:
            raise _EntraKeysUnavailable from None

    return {f"event grid's keys {settings.entra_keys_url}": check}


async def _overdue(settings: Settings, upstream: Upstream) -> Finding | None:
    """Tidy, if it is overdue. If the tables cannot be read, their own check says so."""
    intents = Intents(tables.Table(TableApi(tables.INTENTS, settings.upstream, upstream)))
    with contextlib.suppress(Problem, TimeoutError):
        async with asyncio.timeout(_CHECK_SECONDS):
            if (since := await overdue_for(intents, datetime.now(UTC))) is not None:
                return Finding(f"tidy, not run for {since.total_seconds() // 60:.0f} min", TIDY_FIX)
    return None


async def _run(subject: str, check: Check) -> Finding:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except Refused as refused:
        return Finding(subject, f"{refused.title} -> {remedy_here(refused, os.environ)}")
    except IssuerMisconfigured as wrong:
        return Finding(subject, f"{wrong.title} -> {wrong.remedy}")
    except Problem as problem:
        fix = _FIXES.get(type(problem), _FIX_UNREACHABLE)
        return Finding(subject, f"{problem.title} -> {fix}")
    except TimeoutError:
        return Finding(subject, f"no answer in {_CHECK_SECONDS:.0f} s -> {_FIX_UNREACHABLE}")
    return Finding(subject)


async def _report(environment: Mapping[str, str], *, deployed: bool) -> int:
    found = list[Finding]()

    def say(line: str) -> None:
        print(without_names(line, environment) if deployed else line, flush=True)

    if deployed:
        print("\n".join(heading(environment)))
    async for finding in examine(environment):
        found.append(finding)
        say(str(finding))
    say(verdict(found))
    return 1 if any(finding.fix for finding in found) else 0


def verdict(found: Sequence[Finding]) -> str:
    """The last line of the report, which says it all."""
    checks = [finding for finding in found if not finding.subject.startswith("note: ")]
    failed = [finding.subject for finding in checks if finding.fix]
    if not failed:
        return f"doctor: all {len(checks)} checks passed"
    if checks[0].fix:  # the settings, without which nothing else can be looked at
        names = ", ".join(subject.removeprefix("setting ") for subject in failed)
        return f"doctor: wrong settings, so nothing else was checked: {names}"
    return f"doctor: {len(failed)} of {len(checks)} checks failed: {', '.join(failed)}"


def main(argv: Sequence[str] | None = None) -> int:
    logging.disable()  # the findings say the same in plain words
    parser = argparse.ArgumentParser(prog="python -m shared.operate.doctor")
    parser.add_argument(
        "--deployed", action="store_true", help="print what may be published, and versions"
    )
    return asyncio.run(_report(os.environ, deployed=parser.parse_args(argv).deployed))


if __name__ == "__main__":
    sys.exit(main())
