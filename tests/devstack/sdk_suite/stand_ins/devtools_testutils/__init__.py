"""What Microsoft's tests take from the tools of its repository, for tests that record nothing.

They are "live": they talk to a service, which here is the emulator. So there is no proxy that
records, and nothing to sanitize.
"""

from collections.abc import Callable

import pytest


class AzureRecordedTestCase:
    """The base of their test cases."""


def is_live() -> bool:
    return True


def recorded_by_proxy[T: Callable[..., object]](test: T) -> T:
    return test


@pytest.fixture(scope="session")
def test_proxy() -> None:
    """Nothing is started."""


def _nothing(*_positional: object, **_named: object) -> None:
    """What would tell the proxy how to record."""


add_body_key_sanitizer = _nothing
add_general_regex_sanitizer = _nothing
add_general_string_sanitizer = _nothing
add_header_regex_sanitizer = _nothing
remove_batch_sanitizers = _nothing
set_custom_default_matcher = _nothing
set_default_session_settings = _nothing
