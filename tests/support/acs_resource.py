"""An ACS resource of a test's own, beside that of the stack."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.well_known import ACS_RESOURCE_ID
from tests.support.part_process import running_part
from tests.support.ports import free_port
from tests.support.stack import Stack, wait_until_open


@contextmanager
def acs_resource(stack: Stack, folder: Path, resource_id: str = ACS_RESOURCE_ID) -> Iterator[str]:
    """An ACS emulator with its state in the folder: its URL. Its access key is the usual one, and
    Teams users prove themselves by tokens of the stack's issuer."""
    port = free_port()
    options = {
        "--port": str(port),
        "--database": str(folder / "acs.sqlite"),
        "--key-file": str(folder / "key.pem"),
        "--issuer": stack.values["issuer"],
        "--resource-id": resource_id,
    }
    words = [word for option in options.items() for word in option]
    with (
        (folder / "acs.log").open("wb") as log,
        running_part("devstack.acs_emulator", ["--stop-with-stdin", *words], log),
    ):
        wait_until_open(port)
        yield f"http://127.0.0.1:{port}"
