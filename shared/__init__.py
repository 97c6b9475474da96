"""The trusted service itself: see each module for its one job."""
