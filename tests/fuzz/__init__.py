"""Strangers and broken senders may send anything: there is never a 500, never a hang, never much
CPU."""
