"""The answer of the health probes."""

from typing import Literal

from shared.bodies import Answer


class HealthAnswer(Answer):
    status: Literal["ok"] = "ok"
