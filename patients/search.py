"""Finding a chart by name, email and phone without a plaintext column (core/encryption/blind_index.py)."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import BinaryField, ExpressionWrapper, F, Q

from core.encryption.blind_index import (
    email_word,
    is_exact,
    name_words,
    occurs_in,
    phone_digits,
    query_tokens,
    query_words,
    text_tokens,
    whole_token,
)
from core.encryption.keyring import DecryptionError
from core.errors import Invalid
from core.tenancy import current_practice_id

if TYPE_CHECKING:
    from patients.models import Patient, PatientQuerySet

WORDS_OF: dict[str, Callable[[str], list[str]]] = {
    "name": name_words,
    "email": lambda email: [email_word(email)],
    "phone": lambda phone: [phone_digits(phone)],
}
MOST_CHECKED = 50_000  # candidates that one search decrypts: about a second
INDEXED = frozenset(WORDS_OF) | {"date_of_birth"}


def chart_tokens(patient: "Patient") -> list[int]:
    """What the chart's index holds."""
    words = [word for field, split in WORDS_OF.items() for word in split(getattr(patient, field))]
    tokens = text_tokens(words, practice_id=patient.practice_id)
    if patient.date_of_birth is None:
        return tokens
    return sorted([*tokens, born_token(patient.date_of_birth, practice_id=patient.practice_id)])


def born_token(born: date, *, practice_id: UUID) -> int:
    """By which the registrations desk finds who was born on the same day (patients/likely.py); the search box does not
    reach it."""
    return whole_token(f"born:{born}", practice_id=practice_id)


def find(charts: "PatientQuerySet", query: str) -> "PatientQuerySet | list[UUID]":
    """Those of the charts in which every word of the query occurs, newest first: a queryset where the index alone
    answers, else the ids of the hits that were checked. None for a query without letters or digits. Raises Invalid
    for a word that most of the practice's patients have."""
    words = query_words(query)
    if not words:
        return charts.none()
    candidates = charts.filter(search_index__has_all=query_tokens(words, practice_id=current_practice_id()))
    if not all(map(is_exact, words)):
        return sorted(_checked(candidates, words), reverse=True)
    restricted = list(_checked(candidates.filter(restricted=True), words))
    return candidates.filter(Q(restricted=False) | Q(pk__in=restricted)).order_by("-pk")


def _checked(candidates: "PatientQuerySet", words: list[str]) -> Iterator[UUID]:
    """The ids of the candidates that really hold these words. The name is looked at first: it mostly settles it, and
    the email and phone of a hit then need not be decrypted. One that cannot be decrypted is rather shown than lost.
    A restricted chart is found by its name alone, and by nothing where that cannot be decrypted: a hit would tell whose
    email or phone number it is."""
    to_check = [word for word in words if not is_exact(word)]
    fields = {name: candidates.model._meta.get_field(name) for name in WORDS_OF}
    envelopes = {f"raw_{name}": ExpressionWrapper(F(name), output_field=BinaryField()) for name in WORDS_OF}
    rows = candidates.order_by().annotate(**envelopes).values_list("pk", "restricted", *envelopes)[: MOST_CHECKED + 1]
    for number, (pk, restricted, *raw) in enumerate(rows.iterator(chunk_size=5000)):
        if number == MOST_CHECKED:
            raise Invalid("search", "Too many patients match. Add another word, or more of this one.")
        missing: Any = words if restricted else to_check
        for (name, field), envelope in zip(fields.items(), raw, strict=True):
            try:
                text = field.decrypt(bytes(envelope))
            except DecryptionError:
                missing = words if restricted else []
            else:
                missing = [word for word in missing if not _holds(text, word, WORDS_OF[name])]
            if not missing:
                yield pk
            if not missing or restricted:
                break


def _holds(text: str, word: str, split: Callable[[str], list[str]]) -> bool:
    """Whether this query word of more than three letters occurs in the text. Mostly it stands in a name as typed,
    which takes no splitting to see: letters and digits alone reach across no break between two words."""
    return (split is name_words and word.isalnum() and word in text.lower()) or occurs_in(word, split(text))
