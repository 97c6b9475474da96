"""The answer to a person who asks what is stored about them."""

from shared.bodies import Answer, Timestamp


class ExportAnswer(Answer):
    """Everything stored about the caller, by the module that holds it."""

    id: str
    realm: str
    exported_at: Timestamp
    held: dict[str, list[dict[str, str | int | float | bool | Timestamp]]]
