"""Table Storage, ACS Identity and an issuer's documents in one process: fast, always equally.

It keeps rows in memory and answers after a fixed latency, so that only the app is measured. It is
not an emulator: it checks no signature, and knows only the requests that the measures make.
"""
