"""What a fault may look like: the body of `POST /_emulator/faults`."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

ANY_OPERATION = "*"
EFFECT_MODES = ("status", "delayMs", "drop", "hold")
LONGEST_WAIT_MS = 600_000


def _before(hold: object) -> object:
    """`true` is what one types first; most want the request held before its effect."""
    return "before" if hold is True else hold


class FaultSpec(BaseModel):
    """What to get wrong, for which requests. `before` and `after` are relative to the effect."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, allow_inf_nan=False
    )

    operation: str
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    retry_after: (
        Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")] | None
    ) = None
    delay_ms: Annotated[int, Field(ge=0, le=LONGEST_WAIT_MS)] | None = None
    drop: Literal["before", "after"] | None = None
    hold: Annotated[Literal["before", "after"] | None, BeforeValidator(_before)] = None
    times: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    body: JsonValue = None


class FaultSpecError(Exception):
    """A posted fault that cannot be kept; `errors` lists everything that is wrong with it."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(errors)
        self.errors = errors


def read_fault(posted: object, operations: Collection[str]) -> FaultSpec:
    """Judge a posted fault.

    Raises:
        FaultSpecError: with every fault of the body, those of its types and those of its sense.
    """
    given = {k: v for k, v in posted.items() if v is not None} if isinstance(posted, dict) else {}
    errors = [{"field": field, "message": message} for field, message in _nonsense(given)]
    if (operation := given.get("operation")) not in {*operations, ANY_OPERATION, None}:
        known = ", ".join([*operations, ANY_OPERATION])
        errors.append({"field": "operation", "message": f"{operation!r} is none of: {known}"})
    try:
        spec = FaultSpec.model_validate(posted)
    except ValidationError as error:
        errors += [
            {"field": str(fault["loc"][0]) if fault["loc"] else "", "message": fault["msg"]}
            for fault in error.errors(include_url=False)
        ]
        raise FaultSpecError(errors) from error
    if errors:
        raise FaultSpecError(errors)
    return spec


def _nonsense(given: dict[str, object]) -> list[tuple[str, str]]:
    """What types cannot say: fields that make no sense with, or without, each other."""
    rules = [
        (
            not any(mode in given for mode in EFFECT_MODES),
            ("", f"nothing to do: give at least one of {', '.join(EFFECT_MODES)}"),
        ),
        ("status" in given and "drop" in given, ("drop", "a dropped request gets no status")),
        ("retryAfter" in given and "status" not in given, ("retryAfter", "needs a status")),
        ("body" in given and "status" not in given, ("body", "needs a status")),
        ("seed" in given and "share" not in given, ("seed", "needs a share")),
        (
            given.get("drop") == "before" and given.get("hold") == "after",
            ("hold", "there is no effect to hold after when the request is dropped before it"),
        ),
    ]
    return [complaint for wrong, complaint in rules if wrong]
