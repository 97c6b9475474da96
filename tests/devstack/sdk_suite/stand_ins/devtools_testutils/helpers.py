"""How a test is called."""

import os


def get_test_id() -> str:
    """The name of the running test, which may be part of the name of a file."""
    test, _, _phase = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")
    return test.replace("::", "")
