"""Whatever strangers and broken senders send: never a 500, never a hang, never much CPU."""
