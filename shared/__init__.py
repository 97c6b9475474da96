"""The trusted service itself: see each module for its one job."""

import gc

# The functions make 30,000 objects while a host loads them, all of which stay. Python would look
# for cycles among them twenty times, a twentieth of the start. From the first request on it looks
# more often (`shared.http.worker`).
_UNTIL_LOADED = 100_000

gc.set_threshold(_UNTIL_LOADED)

# The newest in CHANGELOG.md; a tag `v` and this makes a release.
__version__ = "0.1.0"
