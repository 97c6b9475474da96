"""Texts that people see of one another: names of people and bots, titles, subjects, spaces.

One rule for all of them: invisible characters are removed, except those that form a letter or an
    emoji.
"""

import re
import unicodedata

# "Default ignorable" characters that are letters or marks by their category, or not assigned yet,
# and show nothing: the fillers of Hangul, the inherent vowels of Khmer, the grapheme joiner, ...
# And the blank of braille.
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0")
# Blocks of such characters. Of these only the unassigned ones are looked up here: the others have
# a category that is hidden. A set of all 4,100 would take 0.4 MiB.
_HIDDEN_BLOCKS = (range(0xFFF0, 0xFFF9), range(0xE0000, 0xE0100), range(0xE01F0, 0xE1000))
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# Format characters (Cf) that are seen: signs of Arabic, Syriac and Kaithi in front of numbers.
_VISIBLE_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2")
_VISIBLE_FORMATS |= frozenset("\U000110bd\U000110cd")
# These have no width and change the letters beside them: joiner, non-joiner, Mongolian's separator,
# and the characters that join hieroglyphs.
_ZERO_WIDTH_JOINER = "\u200d"
_JOINERS = frozenset({_ZERO_WIDTH_JOINER, "\u200c", "\u180e"})
_JOINERS |= frozenset(map(chr, range(0x13430, 0x13440)))
# Blocks of the scripts that need joiners: from Arabic to Myanmar, from Tagalog to Vedic, from
# Syloti to Meetei, Arabic's forms, ancient and Indic scripts, hieroglyphs, Adlam.
_JOINING_SCRIPTS = (
    range(0x0600, 0x10A0),
    range(0x1700, 0x1D00),
    range(0xA800, 0xAC00),
    range(0xFB50, 0xFE00),
    range(0xFE70, 0xFF00),
    range(0x10800, 0x13456),
    range(0x1E900, 0x1EF00),
)
_FIRST_JOINING_SCRIPT = 0x0600
# Variation selectors choose between forms of the character before: an emoji or a sign, a Han or
# a Mongolian letter.
_SELECTORS = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
_SELECTORS |= frozenset("\u180b\u180c\u180d\u180f")
_EMOJI = range(0x1F000, 0x1FB00)
_SYMBOLS = frozenset({"So", "Sm", "Sk"})
_FIRST_SYMBOL = 0x2190
_EMOJI_SELECTOR = "\ufe0f"
# A black flag and tags, which are hidden characters: all that fonts show as another flag than the
# black one.
_FLAG = "\U0001f3f4(?:{})\U000e007f".format(
    "|".join(
        "".join(chr(0xE0000 + ord(letter)) for letter in region)
        for region in ("gbeng", "gbsct", "gbwls")
    )
)
_FLAGS = f"({_FLAG})"
# These reverse the order of the letters on the screen, so that a text can look like another.
_OVERRIDES = frozenset("\u202d\u202e")


def visible(text: str, most: int | None = None) -> str:
    """The part of a text that people can see; "" if there is none.

    Drops control characters, line breaks, halves of surrogate pairs, what has no width (marks of
    direction, soft hyphens, ...), and blanks at both ends. Keeps joiners and variation selectors
    where they change what is shown, and the tags that make a flag.

    Args:
        most: the characters that are kept; None for all.
    """
    # Most names are plain ASCII, in which nothing is hidden. To look at each letter takes 6 us.
    is_simple = text.isascii() and text.isprintable()
    shown = (text if is_simple else _with_useful_joiners(_without_hidden(text))).strip()
    if most is None or len(shown) <= most:
        return shown
    return visible(shown[:most])  # the cut may go through an emoji


def is_plain(text: str) -> bool:
    """Whether a text has no control characters, line breaks and halves of surrogate pairs.

    Nobody pastes these by accident; marks of direction are often pasted.
    """
    return not any(
        character in _OVERRIDES or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        for character in text
    )


def is_unicode(text: str) -> bool:
    """Whether UTF-8, and so storage, can hold a text: JSON may contain half a surrogate pair."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _without_hidden(text: str) -> str:
    parts = re.split(_FLAGS, text)
    parts[::2] = ["".join(c for c in part if not _is_hidden(c)) for part in parts[::2]]
    return "".join(parts)


def _is_hidden(character: str) -> bool:
    if character in _HIDDEN:
        return True
    category = unicodedata.category(character)
    if category == "Cn":
        return any(ord(character) in block for block in _HIDDEN_BLOCKS)
    is_of_use = character in _JOINERS or character in _VISIBLE_FORMATS
    return category in _HIDDEN_CATEGORIES and not is_of_use


def _with_useful_joiners(text: str) -> str:
    """Leave out joiners and selectors that change nothing of what is beside them."""
    shown: list[str] = []
    for before, character, after in zip(["", *text], text, [*text[1:], ""], strict=False):
        last = shown[-1] if shown else ""
        if character in _JOINERS:
            if last in _JOINERS or not _joins(character, last, after, shown):
                continue
        elif character in _SELECTORS and (before != last or not _has_forms(last)):
            continue
        shown.append(character)
    return "".join(shown)


def _joins(joiner: str, last: str, after: str, shown: list[str]) -> bool:
    if _needs_joiners(last) or _needs_joiners(after):
        return True
    if last == _EMOJI_SELECTOR:
        last = shown[-2]
    return joiner == _ZERO_WIDTH_JOINER and _is_emoji(last) and _is_emoji(after)


def _needs_joiners(character: str) -> bool:
    if not character or character in _SELECTORS:
        return False
    in_script = any(ord(character) in block for block in _JOINING_SCRIPTS)
    return in_script and unicodedata.category(character)[0] in "LM"


def _has_forms(character: str) -> bool:
    """Whether a selector may be of use behind a character: not behind blanks, other selectors, and
    letters of Latin, Greek, Cyrillic."""
    if not character or character in _SELECTORS or character in _JOINERS or character.isspace():
        return False
    is_letter = unicodedata.category(character)[0] in "LM"
    return not is_letter or ord(character) >= _FIRST_JOINING_SCRIPT


def _is_emoji(character: str) -> bool:
    if not character or ord(character) < _FIRST_SYMBOL:
        return False
    # Emoji that are younger than this Python's Unicode have no category yet.
    return ord(character) in _EMOJI or unicodedata.category(character) in _SYMBOLS
