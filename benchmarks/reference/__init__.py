"""An app for the same host that does the service's jobs on aiohttp, with nothing between.

It knows no failure: what it leaves out is what the service is for. It shows what the jobs cost
anybody: verify a JWT, sign a request, send it, read its JSON.
"""
