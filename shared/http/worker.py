"""The one app of this worker process, which all its requests share."""

import gc
import os
import sys
from types import ModuleType

from shared.app import App
from shared.settings import load

# How many more objects there are when Python looks for cycles among them. With its own number of
# 2,000 it would look several times while one list is answered, or while 64 requests are under way.
# Our own wire and concurrent work leave no cycle that holds a request
# (tests/upstream/test_failed_requests.py). Microsoft's clients do when ACS cannot be reached: then
# some 300 requests, whose bodies have at most 160 KiB, may wait for the search.
_UNTIL_COLLECTED = 20_000

# No plugin of pydantic is used. When it builds its first model, it would look for some in the
# metadata of all packages that are installed: a fifth of the first request. The module that looks
# also loads the reader of such metadata, which takes 1 MiB; so there is another in its place.
_no_plugins = ModuleType("pydantic.plugin._loader")
_no_plugins.get_plugins = tuple  # type: ignore[attr-defined]
sys.modules.setdefault(_no_plugins.__name__, _no_plugins)

_app: App | None = None


def current() -> App:
    """The app, built at the first request (so inside the event loop).

    Raises:
        SettingsError: naming every wrong setting. Azure restarts the app when one is mended.
    """
    global _app  # noqa: PLW0603
    if _app is None:
        _app = App(load(os.environ))
        # What is loaded by now stays, so it is left out of that.
        gc.freeze()
        gc.set_threshold(_UNTIL_COLLECTED)
    return _app
