"""Writes one log line for every token, revocation and erasure: who did it, for whom, and when.

No secret is in it.
"""

import logging

from shared.keys import principal_key
from shared.principals import Principal

logger = logging.getLogger("audit")


def record(action: str, actor: Principal, subject: Principal, **facts: str) -> None:
    """Write the line; the log adds the time and the invocation.

    A person is named by the PartitionKey of their row in the table `identities`. An operator who
    may read that table can find the person. After an erasure the row has no id any more: then only
    somebody who knows the person's id can compute the key and compare.

    Args:
        actor: who did it.
        subject: whose token or data it was.
        facts: further facts, each written as name=value.
    """
    details = "".join(f" {name}={value}" for name, value in facts.items())
    logger.info("%s by %s for %s%s", action, _pseudonym(actor), _pseudonym(subject), details)


def _pseudonym(principal: Principal) -> str:
    return f"{principal.kind.value}:{principal_key(principal)}"
