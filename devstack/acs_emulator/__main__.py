"""python -m devstack.acs_emulator: run the emulator until told to stop."""

import base64
import re
import sys
from pathlib import Path

from devstack import well_known
from devstack.acs_emulator.event_grid.subscription import MAX_HEADER_LENGTH
from devstack.acs_emulator.identity.assignments import read_account
from devstack.acs_emulator.server import Settings, build_app
from devstack.acs_emulator.wire.access_key import CLOCK_SKEW
from devstack.acs_emulator.wire.identifiers import checked_number
from devstack.acs_emulator.wire.webhooks import checked_webhook_url
from devstack.emulation.process import common_options, read_options, run
from devstack.guids import normal_guid


def read_arguments(arguments: list[str]) -> tuple[Settings, bool]:
    """The settings, and whether to stop when standard input ends.

    Exits if the command line is wrong.
    """
    parser = common_options("python -m devstack.acs_emulator", __doc__, port=7073)
    parser.add_argument("--key-file", type=Path, required=True, help="PEM, made if absent")
    parser.add_argument(
        "--callback-key-file",
        type=Path,
        help="PEM, made if absent; default: beside --key-file",
    )
    parser.add_argument(
        "--callback-issuer",
        default=well_known.ACS_CALLBACK_ISSUER,
        help="the issuer in callbacks' tokens; default: %(default)s",
    )
    parser.add_argument(
        "--caller-id",
        type=checked_number,
        default=well_known.ACS_CALLER_ID,
        help="the phone number that the resource has; default: %(default)s",
    )
    parser.add_argument(
        "--teams-account",
        type=read_account,
        action="append",
        default=[],
        metavar="NUMBER=TENANT/OBJECT",
        help="a resource account of Teams that has this number, and consent; again for more",
    )
    parser.add_argument(
        "--voice-app",
        type=normal_guid,
        action="append",
        default=[],
        metavar="ID",
        help="an auto attendant or call queue of Teams; again for more",
    )
    parser.add_argument(
        "--access-key",
        type=_access_key,
        default=well_known.ACS_ACCESS_KEY,
        help="base64; default: the well-known key",
    )
    parser.add_argument(
        "--resource-id",
        type=normal_guid,
        default=well_known.ACS_RESOURCE_ID,
        help="default: %(default)s",
    )
    parser.add_argument(
        "--clock-skew",
        type=int,
        default=int(CLOCK_SKEW.total_seconds()),
        help="seconds that a signed request's date may be off; default: %(default)s",
    )
    parser.add_argument("--limits", action="store_true", help="the documented limits per 30 s")
    parser.add_argument(
        "--event-webhook",
        type=checked_webhook_url,
        help="where Event Grid tells of calls that ring",
    )
    parser.add_argument(
        "--event-key",
        type=_header_value,
        default=well_known.EVENT_KEY,
        help="what it sends there in a header; default: the well-known key",
    )
    parser.add_argument(
        "--fetch-files",
        action="store_true",
        help="fetch the files that apps play, and look at their format",
    )
    parser.add_argument("--graph", help="address of the Graph emulator: its meetings can be joined")
    given, stop_with_stdin = read_options(parser, arguments)
    key_file: Path = given["key_file"]
    if given["callback_key_file"] is None:
        given["callback_key_file"] = key_file.with_stem(f"{key_file.stem}-callbacks")
    return Settings(**given), stop_with_stdin


def _header_value(text: str) -> str:
    if not re.fullmatch(rf"[!-~]{{1,{MAX_HEADER_LENGTH}}}", text):
        raise ValueError(text)
    return text


def _access_key(text: str) -> str:
    if not base64.b64decode(text, validate=True):
        raise ValueError(text)
    return text


def main() -> None:
    settings, stop_with_stdin = read_arguments(sys.argv[1:])
    run("acs_emulator", build_app, settings, stop_with_stdin=stop_with_stdin)


if __name__ == "__main__":
    main()
