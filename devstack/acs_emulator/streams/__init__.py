"""The WebSockets by which apps get the sound and the transcription of their calls."""
