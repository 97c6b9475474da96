"""python -m shared.operate.provision: create those of the service's tables that do not exist.

Deployment runs it once for each storage account. It reads only the settings of the tables, so that
it can run before there is an app. No request creates a table: that would cost every cold start a
round trip, and hide an outage.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping

from shared import tables
from shared.operate.sign_in import remedy_here
from shared.settings_reader import SettingsError, SettingsReader
from shared.table_api import TableApi
from shared.upstream.clients import Upstream
from shared.upstream.errors import outcome_of, refusal_of
from shared.upstream.failures import ErrorAnswer, RequestFailed
from shared.upstream.retries import with_retries
from shared.upstream.sdk import by_sdk
from shared.upstream.services import STORAGE
from shared.upstream.settings import UpstreamSettings, read_storage_settings

_SECONDS = 30.0


async def provision(settings: UpstreamSettings) -> list[str]:
    """Create the tables that are missing.

    Returns:
        The names of the tables that were created.

    Raises:
        RequestFailed, TimeoutError: storage failed.
    """
    created = []
    upstream = Upstream()
    try:
        async with asyncio.timeout(_SECONDS):
            for name in tables.ALL:
                if await _create(TableApi(name, settings, upstream)):
                    created.append(name)
    finally:
        await upstream.close()
    return created


async def _create(table: TableApi) -> bool:
    """Create a table. Returns whether it was missing."""
    try:
        await with_retries(lambda: by_sdk(table.sdk.create_table))
    except ErrorAnswer as error:
        if error.code == "TableAlreadyExists":
            return False
        raise
    return True


def main() -> int:
    logging.disable()  # what is printed says the same
    try:
        created = asyncio.run(provision(_settings(os.environ)))
    except SettingsError as error:
        for name, fault in error.faults.items():
            print(f"{name} {fault}", file=sys.stderr)
        return 1
    except (RequestFailed, TimeoutError) as error:
        print(f"The tables cannot be created: {_reason(error)}", file=sys.stderr)
        return 1
    print(f"tables created: {', '.join(created) or 'none, all are there'}")
    return 0


def _settings(environment: Mapping[str, str]) -> UpstreamSettings:
    """
    Raises:
        SettingsError: the tables' settings are wrong.
    """
    reader = SettingsReader(environment)
    settings = read_storage_settings(reader)
    reader.raise_faults()
    return settings


def _reason(error: RequestFailed | TimeoutError) -> str:
    if isinstance(error, TimeoutError):
        return "storage is silent"
    refusal = refusal_of(error, STORAGE)
    return outcome_of(error) if refusal is None else remedy_here(refusal, os.environ)


if __name__ == "__main__":
    sys.exit(main())
