"""A running stack: which parts it has, where its files are, how it starts and how it stops.

`commands` uses `supervisor.run`, `parts.Plan`, `state_folder` and `environment`; tests also use
`azurite` and `certificates`.
"""
