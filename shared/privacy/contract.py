"""The answer of an export."""

from collections.abc import Mapping, Sequence

from shared.bodies import Answer, Timestamp

type ExportedPart = Mapping[str, str | Timestamp]
type Exported = (
    str | int | float | bool | Timestamp | dict[str, str | list[str]] | list[ExportedPart]
)


class ExportAnswer(Answer):
    """Everything stored about the caller, by the domain that stores it."""

    id: str
    realm: str
    exported_at: Timestamp
    held: Mapping[str, Sequence[Mapping[str, Exported]]]
