"""A language that puts ⟦⟧ around each text that went through gettext, so that what is left outside was forgotten."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from gettext import NullTranslations
from html.parser import HTMLParser
from unittest.mock import patch

from django.db.models import CharField, TextField
from django.utils import translation
from django.utils.translation import trans_real

CODE = "en-xa"  # the private code that pseudo-languages have
MARKED = re.compile("⟦[^⟦⟧]*⟧")
WORD = re.compile(r"[^\W\d_]{2,}")
SPOKEN = {"alt", "aria-label", "data-label", "label", "placeholder", "title"}
SPOKEN_BY_SCRIPTS = re.compile("data-(copied|blocked|problem|invalidstateerror|notallowederror|too-large|dock|close)")
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
SILENT = {"script", "style", "svg"}
ICONS = "material-symbols-outlined"  # its text is the name of a picture


class Pseudo(NullTranslations):
    def gettext(self, message: str) -> str:
        text = message.rpartition(trans_real.CONTEXT_SEPARATOR)[2]
        return text if MARKED.fullmatch(text) else f"⟦{text}⟧"

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def language(self) -> str:
        return CODE

    to_language = language


@contextmanager
def pseudo_language() -> Iterator[None]:
    with patch.dict(trans_real._translations, {CODE: Pseudo()}), translation.override(CODE):
        yield


def left_over(text: str, data: re.Pattern[str] | None = None) -> str:
    """Return what is left of the text without what is marked and without data; empty if that has no word."""
    while MARKED.search(text):
        text = MARKED.sub(" ", text)
    text = data.sub(" ", text) if data else text
    return " ".join(text.split()) if WORD.search(text) else ""


def any_of(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))))


def texts_of(rows) -> set[str]:
    """Return what the rows hold as text, apart from choices, which the site words."""
    return {
        value
        for row in rows
        for field in row._meta.concrete_fields
        if isinstance(field, CharField | TextField) and not field.choices
        if isinstance(value := getattr(row, field.attname), str) and value
    }


class _Page(HTMLParser):
    """Collects what people read on a page or hear from it and is not marked, with the elements that it is in. A marked
    sentence may go on in an element within it, such as a link."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, str]] = []  # tags, with what names them
        self.depth = 0
        self.said: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs) -> None:
        named = "".join(f"[{key}={value}]" for key, value in attrs if key in ("id", "class", "name"))
        if tag not in VOID:
            self.open.append((tag, named))
        for key, value in attrs:
            is_button = tag == "input" and key == "value" and dict(attrs).get("type") in ("submit", "button")
            if value and (key in SPOKEN or SPOKEN_BY_SCRIPTS.match(key) or is_button):
                self.said.append((f"{self._place()} {tag}@{key}", value))

    def handle_endtag(self, tag) -> None:
        while self.open and tag not in VOID:
            if self.open.pop()[0] == tag:
                return

    def handle_data(self, text) -> None:
        outside = ""
        for piece in re.split("([⟦⟧])", text):
            self.depth += (piece == "⟦") - (piece == "⟧")
            outside += " " if self.depth or piece == "⟧" else piece
        if not any(tag in SILENT or ICONS in named for tag, named in self.open):
            self.said.append((self._place(), outside))

    def _place(self) -> str:
        return " ".join(tag + named for tag, named in self.open[-4:])


def said_on(page: str) -> list[tuple[str, str]]:
    """Return (elements, text) of each text and label of a page."""
    parser = _Page()
    parser.feed(page)
    return parser.said
