"""python -m shared.operate.check_data: check the stored rows, or repair them.

It reads every row of the storage account that the app's settings name, and changes nothing by
itself: `--repair` says what it would do, `--repair --yes` does it. It prints kinds, counts
and pseudonyms: no id of a person, no number, no key of a row, no secret.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence

from shared import tables
from shared.calls.acs import CallAutomationApi, call_automation_client
from shared.identity.acs import IdentityApi
from shared.operate.data_check import DataCheck, KindReport, Report
from shared.operate.data_parts import Deployment, rules_of
from shared.operate.pace import Pace, PacedCalls, PacedIdentities, PacedTableApi
from shared.operate.progress import Progress
from shared.operate.sign_in import remedy_here
from shared.problems import Problem
from shared.settings import Settings, load
from shared.settings_reader import SettingsError
from shared.tables import Table
from shared.unavailable import Refused, TableMissing
from shared.upstream.clients import Upstream

CLEAN, FINDINGS, NOT_LOOKED = 0, 1, 2
# Requests in a second: a storage account takes 20,000, and a partition 2,000. ACS limits the
# requests of a resource, and the service needs most of them.
_STORAGE_RATE, _ACS_RATE = 300.0, 5.0
_MOST_EXAMPLES = 1000


def read_arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m shared.operate.check_data",
        description="Looks for stored rows that are not as they must be. Exit code 0: none, or all"
        " were repaired; 1: there are some; 2: it could not look.",
    )
    parser.add_argument(
        "--repair", action="store_true", help="say what would be repaired; nothing is changed"
    )
    parser.add_argument("--yes", action="store_true", help="with --repair: do it")
    parser.add_argument(
        "--examples", type=_number, default=5, metavar="N", help="of each kind (default: 5)"
    )
    parser.add_argument(
        "--rate",
        type=_rate,
        default=_STORAGE_RATE,
        metavar="N",
        help=f"reads of storage in a second (default: {_STORAGE_RATE:.0f})",
    )
    arguments = parser.parse_args(argv)
    if arguments.yes and not arguments.repair:
        parser.error("--yes needs --repair")
    return arguments


def _number(text: str) -> int:
    if not 0 <= int(text) <= _MOST_EXAMPLES:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and {_MOST_EXAMPLES}")
    return int(text)


def _rate(text: str) -> float:
    if not 1 <= float(text) <= 2000:  # noqa: PLR2004  what a partition takes
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 2000")
    return float(text)


async def check_data(
    settings: Settings, *, repair: bool, examples: int, rate: float, progress: Progress
) -> Report:
    """Look at the storage account of the settings. Raises as `DataCheck.run`."""
    upstream = Upstream()
    pace, acs_pace = Pace(rate), Pace(_ACS_RATE)

    def table(name: str) -> Table:
        return Table(PacedTableApi(name, settings.upstream, upstream, pace))

    by_name = {name: table(name) for name in tables.ALL}
    acs = CallAutomationApi(lambda: call_automation_client(settings.upstream, upstream))
    deployment = Deployment(
        by_name.__getitem__,
        settings.upstream.communication_resource,
        PacedCalls(acs, acs_pace),
        PacedIdentities(IdentityApi(settings.upstream, upstream), acs_pace),
        settings.calls.retention_days,
        {issuer.realm for issuer in settings.auth.issuers},
    )
    check = DataCheck(
        by_name.__getitem__,
        rules_of(deployment),
        examples=examples,
        repair=repair,
        tell=progress.show,
    )
    try:
        for one in by_name.values():  # report wrong settings at once
            await one.check()
        return await check.run()
    finally:
        progress.end()
        await upstream.close()


def lines_of(report: Report, *, plans: bool, repairs: bool) -> list[str]:
    """What is printed.

    Args:
        plans: whether to say what a repair would do.
        repairs: whether it was done.
    """
    lines = []
    for kind in report.kinds.values():
        lines.append(f"FOUND {kind.rule.kind}: {kind.found:,} in {kind.rule.table}")
        if kind.examples:
            lines.append(f"      such as {', '.join(kind.examples)}")
        lines.append(f"      {_remedy(kind, plans=plans, repairs=repairs)}")
    rows = ", ".join(f"{name} {report.looked_at[name]:,}" for name in tables.ALL)
    lines.append(f"rows looked at: {rows}")
    if report.left_to_tidy:
        lines.append(f"left to Tidy, which ends what was begun: {report.left_to_tidy:,}")
    if report.in_motion:
        lines.append(f"changed while they were looked at, and so not judged: {report.in_motion:,}")
    found = sum(kind.found for kind in report.kinds.values())
    repaired = sum(kind.repaired for kind in report.kinds.values())
    if not found:
        lines.append("all is as it must be")
    else:
        done = f", {repaired:,} repaired" if repairs else ""
        lines.append(f"{found:,} found{done}")
    return lines


def _remedy(kind: KindReport, *, plans: bool, repairs: bool) -> str:
    rule = kind.rule
    if rule.repair is None:
        return f"not repaired: {rule.remedy}"
    if not repairs:
        return f"{'would be repaired' if plans else 'can be repaired'}: {rule.remedy}"
    rest = {
        "not safe": kind.unsafe,
        "changed meanwhile": kind.changed,
        "failed": kind.failed,
        "as before": kind.unmended,
    }
    counts = "".join(f", {number:,} {how}" for how, number in rest.items() if number)
    return f"repaired {kind.repaired:,}{counts}: {rule.remedy}"


def main(argv: Sequence[str] | None = None, environment: Mapping[str, str] | None = None) -> int:
    arguments = read_arguments(sys.argv[1:] if argv is None else argv)
    logging.disable()  # what is printed says the same, and no more
    repairs = arguments.repair and arguments.yes
    try:
        settings = load(os.environ if environment is None else environment)
        report = asyncio.run(
            check_data(
                settings,
                repair=repairs,
                examples=arguments.examples,
                rate=arguments.rate,
                progress=Progress("check-data"),
            )
        )
    except SettingsError as error:
        for name, fault in error.faults.items():
            print(f"setting {name}: {fault}", file=sys.stderr)
        return NOT_LOOKED
    except Problem as problem:
        print(f"It could not look at everything: {_reason(problem)}", file=sys.stderr)
        return NOT_LOOKED
    for line in lines_of(report, plans=arguments.repair, repairs=repairs):
        print(line)
    if arguments.repair and not repairs and report.kinds:
        print("nothing was changed; --repair --yes does it")
    return CLEAN if report.is_clean else FINDINGS


def _reason(problem: Problem) -> str:
    if isinstance(problem, Refused):
        return f"{problem.title} -> {remedy_here(problem, os.environ)}"
    if isinstance(problem, TableMissing):
        return f"{problem.title} -> python -m shared.operate.provision"
    return problem.title


if __name__ == "__main__":
    sys.exit(main())
