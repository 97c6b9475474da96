"""What the bodies of steering requests have in common: strict, and in camel case."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

LONGEST_MS = 600_000

type Milliseconds = Annotated[int, Field(ge=0, le=LONGEST_MS)]


class Spec(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel)
