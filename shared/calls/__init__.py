"""Calls that the service places and steers with ACS Call Automation, and the records of them.

The function folders need `contract`, and `events` to read a callback. `app` builds `CallPlacing`,
`Calls` and `CallActions`, which hold the rules, and what these stand on. `bot_calls` uses
`CallRecords`, `CallLimit`, `CallAutomationApi`, and the types of `rows`, `bot_state`, `acs_types`
and `events`. Everything else is for this package alone.
"""
