"""The delivery of call events to the address that the app gave: the requests, their tokens, and how
a test can delay, hold, repeat and reorder them. `calls` uses `delivery` and `tokens`.
"""
