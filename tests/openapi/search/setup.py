"""What a test tells the hooks: it writes a file, whose path the environment has."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

VARIABLE = "CONTRACT_SEARCH_SETUP"
# The sender of most requests: an id that no request makes up, and no example has.
MANAGER = "search: manager"
# Those of the examples in the description.
KNOWN = ("bob", "carol")


@dataclass(frozen=True)
class Setup:
    """Attributes:
    issuer, key_file, audience: of the callers' bearer tokens.
    acs_key_file: signs what ACS sends.
    event_key: proves Event Grid.
    teams_token: an Entra token of a Teams user.
    """

    issuer: str
    key_file: str
    audience: str
    acs_key_file: str
    event_key: str
    teams_token: str

    def write(self, file: Path) -> dict[str, str]:
        """The environment in which `read` finds it."""
        file.write_text(json.dumps(asdict(self)))
        return {VARIABLE: str(file)}

    @staticmethod
    def read() -> "Setup":
        return Setup(**json.loads(Path(os.environ[VARIABLE]).read_text()))
