"""Table Storage, ACS Identity and an issuer's documents in one process: fast, and always as fast.

It keeps rows in memory and answers after a fixed latency, so that what is measured is the app. It
is no emulator: it checks no signature, and knows only the requests that the measures make.
"""
