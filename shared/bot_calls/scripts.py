"""What a bot says and offers: its greeting, its menu and its voice."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from shared.calls.spoken import DEFAULT_VOICE

if TYPE_CHECKING:  # to load it takes 4 ms of a start, and apps without bots need no menu
    from shared.bot_calls.choices import Choice


class Menu(NamedTuple):
    """The tones that a caller may press, and what each does.

    Attributes:
        prompt: an https URL or a text that is played before each choice. If it is empty, the
            greeting is repeated before each choice but the first.
        choices: by tone: `0` to `9`, `*`, `#`.
    """

    prompt: str = ""
    choices: "Mapping[str, Choice]" = MappingProxyType({})


class BotScript(NamedTuple):
    """What a bot says and offers.

    Attributes:
        greeting: an https URL or a text; if it is empty, the bot answers no call.
        voice: the voice that speaks the texts.
    """

    greeting: str = ""
    voice: str = DEFAULT_VOICE
    menu: Menu = Menu()

    def __repr__(self) -> str:
        return "BotScript(…)"
