"""Agents and voice apps: the parts of Teams Phone besides the calls themselves.

`agents.Agents` keeps the Teams users who may take calls in their own client (the table `agents`,
see `rows`), and is their part of `shared.privacy`. `acs.Assignments` is the adapter to ACS: it says
which agents and resource accounts of a tenant the ACS resource serves. `settings` reads the voice
apps that people may call; `contract` holds the bodies and the answers.
"""
