"""Searching one patient's session notes (docs/adr/0017).

There is no index: the notes are decrypted one by one and compared. One patient has few, and an index of clinical words,
hashed or not, would tell anyone with the database what a patient suffers from: the vocabulary of medicine is short.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BinaryField, ExpressionWrapper, F

from core.api.pagination import Page
from core.encryption.fields import MARK, unreadable_marked
from core.encryption.keyring import DecryptionError
from core.search.words import MAX_JOINED, FreeText, Term, query_terms
from records.models import SessionNote
from records.models.note import SECTIONS, NoteQuerySet

EXCERPT_MARGIN = 60  # characters on each side of a word
_PRINTED = re.compile(r"\S+")


class Hit(NamedTuple):
    """A note that contains every word, with an excerpt around the first match in each section that has one."""

    note: SessionNote
    excerpts: dict[str, str]


def search(notes: NoteQuerySet, query: str, page: Page) -> tuple[list[Hit], int]:
    """Return this page of hits in the order of `notes`, latest first, and the total. A hit contains every word of the
    query, by the rules of the search for charts. A query without letters or digits finds nothing. A note that cannot be
    decrypted is a hit, since it may contain the words."""
    terms = query_terms(query)
    found = list(_matching(notes, terms)) if terms else []
    ids = page.keys(found, of=notes)
    rows = {note.pk: note for note in notes.filter(pk__in=ids).with_people()}
    with unreadable_marked():
        return [Hit(rows[pk], _excerpts(rows[pk], terms)) for pk in ids if pk in rows], len(found)


def _matching(notes: NoteQuerySet, terms: list[Term]) -> Iterator[tuple[datetime, UUID]]:
    """Yield date and id of the hits. Only the encrypted values are read, one note at a time: model instances would
    double the cost."""
    fields: list[Any] = [SessionNote._meta.get_field(name) for name in SECTIONS]
    envelopes = {f"raw_{name}": ExpressionWrapper(F(name), output_field=BinaryField()) for name in SECTIONS}
    rows = notes.annotate(**envelopes).values_list("date", "pk", *envelopes)
    for date, pk, *raw in rows.iterator(chunk_size=100):
        try:
            texts = [field.decrypt(bytes(envelope)) for field, envelope in zip(fields, raw, strict=True)]
        except DecryptionError:
            yield date, pk
            continue
        text = FreeText("\n".join(texts))
        if all(map(text.meets, terms)):
            yield date, pk


def _excerpts(note: SessionNote, terms: list[Term]) -> dict[str, str]:
    texts = {section: getattr(note, section) for section in SECTIONS}
    return {section: excerpt for section, text in texts.items() if (excerpt := _excerpt(text, terms))}


def _excerpt(text: str, terms: list[Term]) -> str:
    """Return the text around the first word that meets a term; empty if none does. A text that cannot be decrypted is
    returned as its mark."""
    if text.startswith(MARK):
        return text
    if not _meets_any(text, terms):
        return ""
    printed = list(_PRINTED.finditer(text))
    for size in range(1, MAX_JOINED + 1):
        for first, last in zip(printed, printed[size - 1 :], strict=False):
            if _meets_any(text[first.start() : last.end()], terms):
                return _cut(text, first.start(), last.end())
    return _cut(text, 0, 0)


def _meets_any(text: str, terms: list[Term]) -> bool:
    return any(map(FreeText(text).meets, terms))


def _cut(text: str, start: int, end: int) -> str:
    """Return this part of the text with its surroundings."""
    begins, ends = max(start - EXCERPT_MARGIN, 0), min(end + EXCERPT_MARGIN, len(text))
    return ("…" if begins else "") + text[begins:ends].strip() + ("…" if ends < len(text) else "")
