"""The trusted service itself: see each module for its one job."""

# The newest in CHANGELOG.md; a tag `v` and this makes a release.
__version__ = "0.1.0"
