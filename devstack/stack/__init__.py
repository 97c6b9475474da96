"""A running stack: which parts it has, where its files are, how it starts and how it stops.

`commands` uses `run`, `plan`, `state_folder`, `environment` and `azurite`; tests also use `ports`
and `certificates`. From top to bottom: `run`, `supervisor`, `parts`, `plan`, and what they use.
"""
