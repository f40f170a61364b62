"""Breaking text into lines, and the order in which right-to-left scripts are written (UAX #9)."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from bidi import get_display
from bidi.mirror import MIRRORED

from records.printing import fonts

_JOINER = "\u200d"
_JOINERS = "\u200c" + _JOINER
_MARK = "\u034f"  # stays with the character before it, and is invisible
_BRACKET = re.compile(f"[{re.escape(''.join(MIRRORED))}]")
_MARKED_BRACKET = re.compile(f"({_BRACKET.pattern}){_MARK}|{_MARK}({_BRACKET.pattern})")
_WORD = re.compile(r"\S+\s*|\s+")
_RIGHT_TO_LEFT = ("R", "AL")
_WITHOUT_SPACES = ("SansSC", "SansThai", "SansLao", "SansKhmer", "SansMyanmar")


class Span(NamedTuple):
    """Text in one font, in the order in which it is on the page."""

    text: str  # shaped
    family: str
    width: float  # points


class Line(NamedTuple):
    spans: list[Span]
    right_to_left: bool

    @property
    def width(self) -> float:
        return sum(span.width for span in self.spans)


def break_lines(text: str, *, width: float, size: float, weight: int) -> Iterator[Line]:
    """Yield the text in lines of at most `width` points. Line breaks are kept; unprintable characters are dropped."""
    for paragraph in unicodedata.normalize("NFC", text).splitlines() or [""]:
        clean = paragraph if paragraph.isascii() and paragraph.isprintable() else "".join(map(_printable, paragraph))
        right_to_left = _begins_from_right(clean)
        for line in _broken(clean, width=width, size=size, weight=weight):
            yield Line(
                list(_spans(line.rstrip(), right_to_left=right_to_left, size=size, weight=weight)), right_to_left
            )


def _printable(character: str) -> str:
    """Return what to print for a character. Directional marks are dropped: each line is ordered by its letters. A
    private-use or unassigned character prints as unknown: its order is not known, and such code points stand for glyph
    variants here."""
    category = unicodedata.category(character)
    if character == "\t":
        return "    "
    if category in ("Co", "Cn"):
        return fonts.UNKNOWN
    if category in ("Cc", "Cs") or (category == "Cf" and character not in _JOINERS) or character == _MARK:
        return ""
    return character


def _begins_from_right(text: str) -> bool:
    if text.isascii():
        return False
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", *_RIGHT_TO_LEFT):
            return direction != "L"
    return False


def _broken(text: str, *, width: float, size: float, weight: int) -> Iterator[str]:
    """Yield lines in logical order, broken between words, between any two letters of a script without spaces, or
    anywhere in a word longer than a line."""
    line, room = "", width
    space = _measured(" ", size=size, weight=weight)
    for word in _WORD.findall(text):
        letters = word.rstrip()
        needed = _measured(letters, size=size, weight=weight)
        if needed > room and line and needed <= width and not _without_spaces(word):
            yield line
            line, room = "", width
        if needed <= room:
            line, room = line + word, room - needed - space * (len(word) - len(letters))
            continue
        for letter in _letters(word):
            needed = _measured(letter, size=size, weight=weight)
            if needed > room and line:
                yield line
                line, room = "", width
            line, room = line + letter, room - needed
    yield line


def _without_spaces(word: str) -> bool:
    return not word.isascii() and any(fonts.get_family(character) in _WITHOUT_SPACES for character in word)


def _letters(word: str) -> Iterator[str]:
    """Yield letters with their combining and joined characters, which a line break must not separate."""
    letter = ""
    for character in word:
        joined = unicodedata.category(character)[0] == "M" or character in _JOINERS or letter.endswith(_JOINER)
        if letter and not joined:
            yield letter
            letter = ""
        letter += character
    yield letter


def _measured(text: str, *, size: float, weight: int) -> float:
    return sum(span.width for span in _spans(text, right_to_left=False, size=size, weight=weight, in_order=False))


def _spans(text: str, *, right_to_left: bool, size: float, weight: int, in_order: bool = True) -> Iterator[Span]:
    if text.isascii():
        yield Span(text, fonts.MAIN, fonts.width(text, fonts.MAIN, weight, size))
        return
    if in_order and any(unicodedata.bidirectional(character) in (*_RIGHT_TO_LEFT, "AN") for character in text):
        text = _in_order(text, right_to_left=right_to_left)
    for (family, backwards), characters in groupby(_attributed(text, in_order), key=lambda pair: pair[1]):
        run = "".join(character for character, _ in characters)
        shaped = fonts.shaped(run[::-1] if backwards else run, family, weight, size)
        yield Span(shaped, family, fonts.width(shaped, family, weight, size))


def _in_order(text: str, *, right_to_left: bool) -> str:
    """Return the text in visual order, left to right. The library reorders but does not mirror brackets: a mark after
    each one ends up before it when read right to left, and those are mirrored here."""
    marked = _BRACKET.sub(rf"\g<0>{_MARK}", text)
    ordered: str = get_display(marked, base_dir="R" if right_to_left else "L")
    return _MARKED_BRACKET.sub(lambda found: found[1] or MIRRORED[found[2]], ordered).replace(_MARK, "")


def _attributed(text: str, in_order: bool) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Yield each character with its font family and whether it is in a right-to-left run, whose letters HarfBuzz
    expects in reading order. Spaces and combining marks belong to the run around them."""
    family, backwards = fonts.MAIN, False
    for character in text:
        goes_along = character in _JOINERS or unicodedata.category(character)[0] == "M" or character.isspace()
        if not (goes_along and fonts.has(character, family)):
            family = fonts.get_family(character)
            backwards = in_order and unicodedata.bidirectional(character) in _RIGHT_TO_LEFT
        yield character, (family, backwards)
