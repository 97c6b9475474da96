"""Which ports a stack gets: those that somebody wants, the kept ones, or the default ones."""

from devstack.stack.listeners import who_listens
from devstack.stack.ports import DEFAULT_PORTS, consecutive, is_free
from devstack.stack.state_folder import StackError, StateFolder

_OTHERS = "--ports 8070 (that one and the next nine), or --ports auto (free ones)"


def choose_ports(
    folder: StateFolder, wanted: str | int | None, *, with_host: bool
) -> dict[str, int]:
    """A free port for each part. What is chosen here is kept in the folder for later starts.

    Args:
        wanted: "default", "auto", or the first of consecutive ports. None: those that the folder
            keeps, or else the default ones: with another port the issuer would have another name,
            and every user another identity.

    Raises:
        StackError: one is taken; the message says by whom, and what to do.
    """
    if isinstance(wanted, int):
        chosen = consecutive(wanted)
        _check(chosen, with_host, "choose others, or end what listens there")
        folder.keep_ports(chosen)
        return chosen
    if wanted == "auto" or (wanted is None and folder.ports_file.exists()):
        chosen = folder.kept_ports()
        _check(
            chosen,
            with_host,
            f"it is kept in {folder.ports_file}. End what listens there, or choose other ports, "
            "with which users get other identities: --ports 8070 (that one and the next nine)",
        )
        return chosen
    _check(DEFAULT_PORTS, with_host, f"end what listens there, or choose other ports: {_OTHERS}")
    return dict(DEFAULT_PORTS)


def _check(ports: dict[str, int], with_host: bool, advice: str) -> None:
    unused = "blobs" if with_host else "host"
    for name, port in ports.items():
        if name != unused and not is_free(port):
            holder = who_listens(port)
            by = f" by {holder}" if holder else ""
            raise StackError(f"port {port} ({name}) is taken{by}: {advice}")
