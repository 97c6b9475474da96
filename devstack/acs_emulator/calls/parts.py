"""What all bodies that clients of Call Automation send have in common."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Part(BaseModel):
    """A body, or a part of one."""

    model_config = ConfigDict(strict=True, frozen=True, alias_generator=to_camel)
