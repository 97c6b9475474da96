"""The answer of an export."""

from shared.bodies import Answer, Timestamp


class ExportAnswer(Answer):
    """Everything stored about the caller, by the domain that stores it."""

    id: str
    realm: str
    exported_at: Timestamp
    held: dict[str, list[dict[str, str | int | float | bool | Timestamp]]]
