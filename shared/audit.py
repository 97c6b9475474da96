"""One line for every token, revocation and erasure: who, for whom, when; never the secret."""

import logging

from shared.keys import principal_key
from shared.principals import Principal

logger = logging.getLogger("audit")


def record(action: str, actor: Principal, subject: Principal, **facts: str) -> None:
    """Write the line; the log adds the time and the invocation.

    People are named by the PartitionKey of their row in the table `identities`: whoever may read
    that table can say who it was. Once they are erased, only who knows their id can tell.
    """
    said = "".join(f" {name}={value}" for name, value in facts.items())
    logger.info("%s by %s for %s%s", action, _named(actor), _named(subject), said)


def _named(principal: Principal) -> str:
    return f"{principal.kind.value}:{principal_key(principal)}"
