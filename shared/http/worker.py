"""The one app of this worker process, which all its requests share."""

import os

from shared.app import App
from shared.settings import load

_app: App | None = None


def current() -> App:
    """The app, built at the first request (so inside the event loop).

    Raises:
        SettingsError: naming every wrong setting. Azure restarts the app when one is mended.
    """
    global _app  # noqa: PLW0603
    if _app is None:
        _app = App(load(os.environ))
    return _app
