"""Text as lines of a width: breaking, and the order in which right-to-left scripts are written (UAX #9)."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from bidi.algorithm import get_display  # the package's newer one in Rust leaves brackets unmirrored

from records.printing import faces

_NON_JOINER, _JOINER = "\u200c", "\u200d"
_JOINERS = _NON_JOINER + _JOINER
_STAND_IN = "\u034f"  # for the non-joiner, which ordering would drop; by itself it shows nothing
_WORD = re.compile(r"\S+\s*|\s+")
_RIGHT_TO_LEFT = ("R", "AL")
_WITHOUT_SPACES = ("SansSC", "SansThai", "SansLao", "SansKhmer", "SansMyanmar")


class Span(NamedTuple):
    """What one font writes, in the order in which it stands on the page."""

    text: str  # shaped
    family: str
    width: float  # points


class Line(NamedTuple):
    spans: list[Span]
    from_right: bool

    @property
    def width(self) -> float:
        return sum(span.width for span in self.spans)


def lines_of(text: str, *, width: float, size: float, weight: int) -> Iterator[Line]:
    """The text in lines of at most `width` points. Its own line breaks are kept; what cannot be printed is left out."""
    for paragraph in unicodedata.normalize("NFC", text).splitlines() or [""]:
        clean = paragraph if paragraph.isascii() and paragraph.isprintable() else "".join(map(_printable, paragraph))
        from_right = _begins_from_right(clean)
        for line in _broken(clean, width=width, size=size, weight=weight):
            yield Line(list(_spans(line.rstrip(), from_right=from_right, size=size, weight=weight)), from_right)


def _printable(character: str) -> str:
    """Marks of direction are left out: each line is put in order by its letters. A character of private use, or of a
    later Unicode, shows as unknown: no order is known of it, and here such numbers stand for forms of other letters."""
    category = unicodedata.category(character)
    if character == "\t":
        return "    "
    if category in ("Co", "Cn"):
        return faces.UNKNOWN
    if category in ("Cc", "Cs") or (category == "Cf" and character not in _JOINERS) or character == _STAND_IN:
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
    """In logical order: between words, between any two letters of a script without spaces, or anywhere in a word that
    is longer than a line."""
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
    return not word.isascii() and any(faces.family_of(character) in _WITHOUT_SPACES for character in word)


def _letters(word: str) -> Iterator[str]:
    """With their marks and what is joined to them: nothing that a line may tear apart."""
    letter = ""
    for character in word:
        joined = unicodedata.category(character)[0] == "M" or character in _JOINERS or letter.endswith(_JOINER)
        if letter and not joined:
            yield letter
            letter = ""
        letter += character
    yield letter


def _measured(text: str, *, size: float, weight: int) -> float:
    return sum(span.width for span in _spans(text, from_right=False, size=size, weight=weight, in_order=False))


def _spans(text: str, *, from_right: bool, size: float, weight: int, in_order: bool = True) -> Iterator[Span]:
    if text.isascii():
        yield Span(text, faces.MAIN, faces.width(text, faces.MAIN, weight, size))
        return
    if in_order and any(unicodedata.bidirectional(character) in (*_RIGHT_TO_LEFT, "AN") for character in text):
        text = get_display(text.replace(_NON_JOINER, _STAND_IN), base_dir="R" if from_right else "L")
        text = text.replace(_STAND_IN, _NON_JOINER)
    for (family, backwards), characters in groupby(_attributed(text, in_order), key=lambda pair: pair[1]):
        run = "".join(character for character, _ in characters)
        shaped = faces.shaped(run[::-1] if backwards else run, family, weight, size)
        yield Span(shaped, family, faces.width(shaped, family, weight, size))


def _attributed(text: str, in_order: bool) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Each character with its family and whether it stands in a run from right to left, whose letters HarfBuzz wants in
    the order in which they are read. Spaces and marks go with the run that they stand in."""
    family, backwards = faces.MAIN, False
    for character in text:
        goes_along = character in _JOINERS or unicodedata.category(character)[0] == "M" or character.isspace()
        if not (goes_along and faces.has(character, family)):
            family = faces.family_of(character)
            backwards = in_order and unicodedata.bidirectional(character) in _RIGHT_TO_LEFT
        yield character, (family, backwards)
