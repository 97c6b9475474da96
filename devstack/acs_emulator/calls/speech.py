"""What people say, as a test sets it: the emulator recognizes no real speech."""

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BeforeValidator, Field

from devstack.acs_emulator.calls.bodies import Choice
from devstack.emulation.specs import Spec

MAX_TEXT_LENGTH = 4000


class Speech(Spec):
    """What somebody says at once.

    Args:
        text: empty for a sound in which there are no words.
        confidence: how sure the service is of the text; None: events do not tell.
    """

    text: Annotated[str, Field(max_length=MAX_TEXT_LENGTH)]
    confidence: Annotated[float, Field(ge=0, le=1)] | None = None


def _speech(given: object) -> object:
    return {"text": given} if isinstance(given, str) else given


# In JSON: a text, or an object; null is somebody who says nothing.
type Said = Annotated[Speech | None, BeforeValidator(_speech)]


def words_of(text: str) -> list[str]:
    """Without punctuation and in lower case, as transcriptions have them."""
    return re.findall(r"[\w'-]+", text.lower())


def find_choice(speech: Speech, choices: Sequence[Choice]) -> tuple[Choice, str] | None:
    """The choice that was spoken, and the phrase that was; None: it was no choice.

    It is documented that hearing a phrase is enough, so other words may stand around it. [assumed]
    Of several phrases, the longest one counts.
    """
    heard = f" {' '.join(words_of(speech.text))} "
    found = [
        (choice, phrase)
        for choice in choices
        for phrase in choice.phrases
        if (words := words_of(phrase)) and f" {' '.join(words)} " in heard
    ]
    return max(found, key=lambda one: len(one[1]), default=None)
