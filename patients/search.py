"""Search charts by name, email, phone and date of birth without a plaintext column (core/encryption/blind_index.py)."""

from collections.abc import Callable, Iterator
from datetime import date
from itertools import product
from math import prod
from typing import Any
from uuid import UUID

from django.db.models import BinaryField, ExpressionWrapper, F, Q
from django.utils.translation import gettext as _

from core.encryption.blind_index import is_exact, query_tokens
from core.encryption.keyring import DecryptionError
from core.errors import Invalid
from core.search.letters import fold
from core.search.words import MIN_LETTERS, WordPattern, joined_words, occurs_in
from core.tenancy.scope import current_practice_id
from patients.models import Patient, PatientQuerySet
from patients.search_index import WORDS_OF, birth_date_token, joined_token
from patients.search_query import Alternative, Born, BornIn, Term, chart_terms
from practices.services import current_practice

MAX_DECRYPTED = 50_000  # candidates per search: about one second
MAX_COMBINATIONS = 32  # of alternatives that are looked up together


def search_charts(charts: PatientQuerySet, query: str) -> PatientQuerySet | list[UUID]:
    """Return the charts that meet every term of the query, newest first.

    This is a queryset if the index alone can answer, otherwise the ids of the candidates that were decrypted and
    checked. It is empty for a query without letters or digits. Raises Invalid if too many patients match."""
    terms = chart_terms(query, get_region=lambda: current_practice().region)
    if not terms:
        return charts.none()
    candidates = _with_tokens(charts, terms)
    to_check = [term for term in terms if not all(map(_is_exact, term))]
    if to_check:
        return sorted(_matching_ids(candidates, terms, to_check), reverse=True)
    restricted = list(_matching_ids(candidates.filter(restricted=True), terms, to_check))
    return candidates.filter(Q(restricted=False) | Q(pk__in=restricted)).order_by("-pk")


def _with_tokens(charts: PatientQuerySet, terms: list[Term]) -> PatientQuerySet:
    """Return the charts whose index does not rule out that they meet the terms. Combinations of alternatives are each
    looked up at once: were the terms looked up one by one, a frequent word would have all its charts read."""
    practice_id = current_practice_id()
    every = [_distinct({_tokens(alternative, practice_id) for alternative in term}) for term in terms]
    choices = [sets for sets in every if all(sets)]  # what any chart may meet narrows nothing down
    if prod(map(len, choices)) <= MAX_COMBINATIONS:
        choices = [[frozenset().union(*combination) for combination in product(*choices)]]
    for sets in choices:
        charts = charts.filter(search_index__has_all_of_one=[sorted(tokens) for tokens in sets])
    return charts


def _tokens(alternative: Alternative, practice_id: UUID) -> frozenset[int]:
    """Return the tokens of every chart that meets this alternative."""
    match alternative:
        case Born(day):
            return frozenset([birth_date_token(day, practice_id=practice_id)])
        case BornIn():
            return frozenset()
        case WordPattern(joined=""):
            return frozenset(query_tokens(alternative.words, practice_id=practice_id))
        case _:
            return frozenset([joined_token(alternative.joined, practice_id=practice_id)])


def _distinct(sets: set[frozenset[int]]) -> list[frozenset[int]]:
    """Leave out what has all the tokens of another, which finds its charts too."""
    return [tokens for tokens in sets if not any(other < tokens for other in sets)]


def _is_exact(alternative: Alternative) -> bool:
    """Return whether the index alone tells that a chart meets this alternative."""
    match alternative:
        case WordPattern(words):
            return all(map(is_exact, words))
        case Born():
            return True
        case _:
            return False


def _matching_ids(candidates: PatientQuerySet, terms: list[Term], to_check: list[Term]) -> Iterator[UUID]:
    """Yield the ids of the candidates that really meet the terms; of `terms`, only those `to_check` are in doubt."""
    by_birth_date = any(isinstance(alternative, Born | BornIn) for term in terms for alternative in term)
    names = [*WORDS_OF, "date_of_birth"] if by_birth_date else list(WORDS_OF)
    fields: dict[str, Any] = {name: Patient._meta.get_field(name) for name in names}
    readers = {name: (position, field.decrypt) for position, (name, field) in enumerate(fields.items())}
    plain = plain_words(to_check)
    envelopes = {f"raw_{name}": ExpressionWrapper(F(name), output_field=BinaryField()) for name in names}
    rows = candidates.order_by().annotate(**envelopes).values_list("pk", "restricted", *envelopes)[: MAX_DECRYPTED + 1]
    for number, (pk, restricted, *raw) in enumerate(rows.iterator(chunk_size=5000)):
        if number == MAX_DECRYPTED:
            raise Invalid("search", _("Too many patients match. Add another word or type more of this one."))
        if plain and not restricted and _is_named(fields["name"], raw[0], plain):
            yield pk
            continue
        chart = _Candidate(readers, raw, restricted=restricted)
        if all(map(chart.meets, terms if restricted else to_check)):
            yield pk


def plain_words(terms: list[Term]) -> list[str]:
    """Return words that meet all the terms if each occurs in the folded name, which need not be split for it: letters
    cannot span two words. Most hits are found so. Empty if the terms have no such words."""
    firsts = [term[0] for term in terms]
    words = [word for first in firsts if isinstance(first, WordPattern) for word in first.words]
    plain = all(word.isascii() and word.isalpha() and len(word) >= MIN_LETTERS for word in words)
    return words if plain and all(isinstance(first, WordPattern) for first in firsts) else []


def _is_named(field: Any, envelope: Any, words: list[str]) -> bool:
    try:
        return is_named(field.decrypt(bytes(envelope)), words)
    except DecryptionError:
        return False


def is_named(name: str, words: list[str]) -> bool:
    """Return whether all plain words occur in the name; as typed, which is quickest to tell, or folded."""
    typed = name.lower()
    if all([word in typed for word in words]):  # noqa: C419 - a generator would take longer than the rest
        return True
    if name.isascii():
        return False
    folded = fold(name)
    return all(word in folded for word in words)


class _Candidate:
    """A chart that the index found, decrypted as far as is needed to check it.

    A chart that cannot be decrypted counts as a hit, so that it stays findable. A restricted chart is only found by its
    name (not at all if that cannot be decrypted): a hit would reveal whose email, phone number or date of birth was
    searched for."""

    __slots__ = ("_envelopes", "_readers", "_restricted", "_values")

    def __init__(
        self, readers: dict[str, tuple[int, Callable[[bytes], Any]]], envelopes: list[Any], *, restricted: bool
    ) -> None:
        self._readers = readers  # by field: the position of its envelope, and what decrypts it
        self._envelopes = envelopes
        self._values: dict[str, Any] = {}
        self._restricted = restricted

    def meets(self, term: Term) -> bool:
        try:
            return any(map(self._meets, term))
        except DecryptionError:
            return not self._restricted

    def _meets(self, alternative: Alternative) -> bool:
        if isinstance(alternative, WordPattern):
            if alternative.joined:
                return alternative.joined in joined_words(self._value("name"))
            return all(map(self._has_word, alternative.words))
        born: date | None = None if self._restricted else self._value("date_of_birth")
        if born is None:
            return False
        return born == alternative.day if isinstance(alternative, Born) else born.year == alternative.year

    def _has_word(self, word: str) -> bool:
        """Return whether a field has this word, looking first where such words usually are."""
        fields = ["name"] if self._restricted else reversed(WORDS_OF) if word.isdigit() else WORDS_OF
        return any(occurs_in(word, WORDS_OF[name](self._value(name))) for name in fields)

    def _value(self, name: str) -> Any:
        if name not in self._values:
            position, decrypt = self._readers[name]
            envelope = self._envelopes[position]
            self._values[name] = None if envelope is None else decrypt(bytes(envelope))
        return self._values[name]
