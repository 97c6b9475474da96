"""The bodies of requests about streams."""

from devstack.acs_emulator.calls.bodies import Operation


class StartMediaStreaming(Operation):
    pass


class StopMediaStreaming(Operation):
    pass


class StartTranscription(Operation):
    """Without `locale`, it is that of the connection."""

    locale: str | None = None


class StopTranscription(Operation):
    pass


class UpdateTranscription(Operation):
    locale: str | None = None
