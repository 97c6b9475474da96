"""Calls that bots answer: Event Grid reports a ringing call, and the attendant talks to the caller.

The function folders need `contract`, and `event_grid` to read a delivery. `app` builds
`IncomingCalls`, which answers the calls, and `Attendant`, which takes the bot's turns after each
event. `shared.settings` and the doctor read `settings`. Everything else is for this package alone.
"""
