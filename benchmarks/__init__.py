"""Measures the service against a reference: the same jobs, written on aiohttp with nothing between.

`python3 dev.py bench` runs it. `stub` stands in for Azure and for the issuer, with a fixed latency;
`reference` is an app for the same host that does the same jobs; `load` drives both with wrk;
`measures` says what is measured, and which goals there are; cases that are compared take `turns`;
`report` writes docs/performance.md.

Nothing imports this package, except `names`, which dev.py reads.
"""
