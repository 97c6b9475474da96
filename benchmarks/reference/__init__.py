"""An app for the same host that does the service's jobs on aiohttp, with nothing between.

It handles no failures, and does none of the other things that the service exists for. So it shows
what the jobs cost in any app: verify a JWT, sign a request, send it, read its JSON.
"""
