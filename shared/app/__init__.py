"""Composition root: wires the packages together, once per worker process.

Each part is built when a request first needs it, and its modules are imported then: a cold start
pays for what its first request uses and for nothing else. The parts are grouped by what they are
about, a module and a class for each group; `App` inherits all of them. Others use `App` alone.
"""

from shared.app.app import App

__all__ = ["App"]
