"""The benchmark measures what it says. No test here judges a time."""
