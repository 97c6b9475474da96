"""Serves the page of `web/` at http://localhost, and makes it at the first visit.

`python -m devstack.web` runs it. From top to bottom: `server`, `making` (whether there is a page,
and how far it is), `build` (a process of its own that installs and builds), `sources` (what a page
is made from).
"""
