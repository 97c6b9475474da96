"""Event Grid, as far as it tells an app about incoming calls: one subscription, its validation
handshake, and the delivery of events. `calls` uses `delivery.EventGrid`.
"""
