"""Finding words in one patient's session notes (docs/adr/0017).

There is no index: the notes are decrypted in order and compared. One patient's are few, and an index of clinical words,
hashed or not, would tell whoever has the database what a patient suffers from: the words of medicine are a short list.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BinaryField, ExpressionWrapper, F

from core.encryption.blind_index import PIECE, joined_up, name_words
from core.encryption.fields import MARK, unreadable_marked
from core.encryption.keyring import DecryptionError
from records.models import SessionNote
from records.models.note import SECTIONS, NoteQuerySet

AROUND = 60  # characters of an excerpt on each side of a word
_PRINTED = re.compile(r"\S+")

Test = Callable[[str], Any]


class Hit(NamedTuple):
    """A note that holds every word, and by section that holds one an excerpt around the first."""

    note: SessionNote
    excerpts: dict[str, str]


def search(notes: NoteQuerySet, query: str, *, page: int, limit: int) -> tuple[list[Hit], int]:
    """The hits of one page in the order of `notes`, and how many there are in all: the notes in whose sections every
    word of the query occurs, from three letters on anywhere in a word, below that at its beginning. A query without
    letters or digits finds nothing. A note that cannot be decrypted is a hit: nobody knows that it is none."""
    words = list(dict.fromkeys(name_words(query)))
    found = list(_matching(notes, words)) if words else []
    ids = found[(page - 1) * limit : page * limit]
    rows = {note.pk: note for note in notes.filter(pk__in=ids).with_people()}
    with unreadable_marked():
        return [Hit(rows[pk], _excerpts(rows[pk], words)) for pk in ids if pk in rows], len(found)


def _matching(notes: NoteQuerySet, words: list[str]) -> Iterator[UUID]:
    """The ids of the hits. The envelopes come bare and one at a time: making rows of them would cost as much again."""
    tests = [_test(word) for word in words]
    fields: list[Any] = [SessionNote._meta.get_field(name) for name in SECTIONS]
    envelopes = {f"raw_{name}": ExpressionWrapper(F(name), output_field=BinaryField()) for name in SECTIONS}
    rows = notes.annotate(**envelopes).values_list("pk", *envelopes)
    for pk, *raw in rows.iterator(chunk_size=100):
        try:
            texts = [field.decrypt(bytes(envelope)) for field, envelope in zip(fields, raw, strict=True)]
        except DecryptionError:
            yield pk
            continue
        text = joined_up("\n".join(texts))
        if all(test(text) for test in tests):
            yield pk


def _test(word: str) -> Test:
    """Whether the word occurs in a text that is joined up: the rule of `occurs_in`, without cutting the text. Letters
    and digits alone reach across no break between two words."""
    if len(word) >= PIECE:
        return partial(_holds, word)
    return re.compile(rf"(?<![^\W_]){word}").search


def _holds(word: str, text: str) -> bool:
    return word in text


def _excerpts(note: SessionNote, words: list[str]) -> dict[str, str]:
    tests = [_test(word) for word in words]
    texts = {section: getattr(note, section) for section in SECTIONS}
    return {section: excerpt for section, text in texts.items() if (excerpt := _excerpt(text, tests))}


def _excerpt(text: str, tests: list[Test]) -> str:
    """What stands around the first word that passes a test; empty where none does. What cannot be decrypted says so."""
    if text.startswith(MARK):
        return text
    if not any(test(joined_up(text)) for test in tests):
        return ""
    for printed in _PRINTED.finditer(text):
        if any(test(joined_up(printed[0])) for test in tests):
            return _cut(text, printed.start(), printed.end())
    return _cut(text, 0, 0)


def _cut(text: str, start: int, end: int) -> str:
    """The text around this part of it."""
    begins, ends = max(start - AROUND, 0), min(end + AROUND, len(text))
    return ("…" if begins else "") + text[begins:ends].strip() + ("…" if ends < len(text) else "")
