"""Sounds that settings name: the audio at a URL, or a text that a voice speaks."""

import re

from shared.texts import is_unicode
from shared.urls import is_safe_url

# One of the many voices of Azure AI services.
DEFAULT_VOICE = "en-US-JennyNeural"
MAX_TEXT_LENGTH = 5000
_URL = "(?i:[a-z][a-z0-9+.-]*://|data:)"


def is_url(text: str) -> bool:
    """Is this a URL of audio, and not a text to be spoken?"""
    return re.match(_URL, text) is not None


def is_playable(value: object) -> bool:
    """Is it an https URL, or a text that is not too long?"""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_LENGTH:
        return False
    if not is_unicode(value):
        return False
    return is_safe_url(value) if is_url(value) else True
