"""Which ports a stack gets: those that somebody wants, the kept ones, or the default ones."""

from typing import NamedTuple

from devstack.stack.listeners import who_listens
from devstack.stack.ports import DEFAULT_PORTS, consecutive, is_free, with_free_ports
from devstack.stack.state_folder import StackError, StateFolder

_OTHERS = "--ports 8070 (that one and the next nine), or --ports auto (free ones)"


class Choice(NamedTuple):
    """
    Attributes:
        ports: one for each part.
        to_keep: those that the folder is to keep for later starts; empty: nothing new.
    """

    ports: dict[str, int]
    to_keep: dict[str, int]


def choose_ports(
    folder: StateFolder, wanted: str | int | None, *, with_host: bool, fresh: bool = False
) -> Choice:
    """A free port for each part. Nothing is written: the start may still be refused.

    Args:
        wanted: "default", "auto", or the first of consecutive ports. None: those that the folder
            keeps, or else the default ones: with another port the issuer would have another name,
            and every user another identity.
        fresh: what the folder keeps does not count.

    Raises:
        StackError: one is taken; the message says by whom, and what to do.
    """
    if isinstance(wanted, int):
        chosen = consecutive(wanted)
        _check(chosen, with_host, "choose others, or end what listens there")
        return Choice(chosen, chosen)
    if wanted == "auto" or (wanted is None and not fresh and folder.ports_file.exists()):
        kept = {} if fresh else folder.kept_ports()
        chosen = with_free_ports(kept)
        _check(
            chosen,
            with_host,
            f"it is kept in {folder.ports_file}. End what listens there, or choose other ports, "
            "with which users get other identities: --ports 8070 (that one and the next nine)",
        )
        return Choice(chosen, {} if chosen.keys() <= kept.keys() else kept | chosen)
    _check(DEFAULT_PORTS, with_host, f"end what listens there, or choose other ports: {_OTHERS}")
    return Choice(dict(DEFAULT_PORTS), {})


def _check(ports: dict[str, int], with_host: bool, advice: str) -> None:
    unused = "blobs" if with_host else "host"
    for name, port in ports.items():
        if name != unused and not is_free(port):
            holder = who_listens(port)
            by = f" by {holder}" if holder else ""
            raise StackError(f"port {port} ({name}) is taken{by}: {advice}")
