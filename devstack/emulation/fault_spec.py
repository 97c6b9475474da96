"""What a fault may look like: the body of `POST /_emulator/faults`."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, ValidationError

from devstack.emulation.specs import Milliseconds, Spec, SpecError

ANY_OPERATION = "*"
EFFECT_MODES = ("status", "delayMs", "drop", "hold")


def _before(hold: object) -> object:
    """`true` means `before`: it is what people type first, and what most of them want."""
    return "before" if hold is True else hold


class FaultSpec(Spec):
    """What to get wrong, for which requests. `before` and `after` are relative to the effect."""

    model_config = ConfigDict(allow_inf_nan=False)

    operation: str
    status: Annotated[int, Field(ge=200, le=599)] | None = None
    retry_after: (
        Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[\x20-\x7e]*$")] | None
    ) = None
    delay_ms: Milliseconds | None = None
    drop: Literal["before", "after"] | None = None
    hold: Annotated[Literal["before", "after"] | None, BeforeValidator(_before)] = None
    times: Annotated[int, Field(ge=1)] | None = None
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    body: JsonValue = None


def read_fault(posted: object, operations: Collection[str]) -> FaultSpec:
    """Check a posted fault.

    Raises:
        SpecError: with every mistake of the body: wrong types, and fields that do not fit together.
    """
    given = {k: v for k, v in posted.items() if v is not None} if isinstance(posted, dict) else {}
    errors = [{"field": field, "message": message} for field, message in _contradictions(given)]
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
        raise SpecError(errors) from error
    if errors:
        raise SpecError(errors)
    return spec


def _contradictions(given: dict[str, object]) -> list[tuple[str, str]]:
    """The mistakes that types cannot show: fields that exclude or need each other."""
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
    return [mistake for is_broken, mistake in rules if is_broken]
