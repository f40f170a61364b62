"""Find possible matches for registrations: confirmed charts with the same date of birth or phone, or a similar name
(docs/adr/0014).

The blind index gives a limited number of candidates for each registration, in one query for all; they are decrypted and
compared. A restricted chart is only compared by name, so that whether and where it is among the matches reveals nothing
else about it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import IntegerField, TextChoices, Value
from django.utils.translation import gettext_lazy as _

from core.encryption.blind_index import query_tokens, text_tokens
from core.encryption.keyring import DecryptionError
from core.search.letters import spellings
from core.search.phones import MIN_DIGITS, may_end_alike, significant_digits
from core.search.words import name_words
from core.tenancy.compiled import CompiledQuery
from core.tenancy.postgresql.prepared import Numbers
from core.tenancy.scope import current_practice_id
from patients.models import Patient, PatientQuerySet
from patients.registrations.name_similarity import Words, compare_words, read_name, typed_words
from patients.search_index import birth_date_token

MAX_MATCHES = 5  # per registration
ENOUGH_REASONS = 2  # for one person: families share a phone, strangers a name or a date of birth
# Candidates decrypted per registration: by phone or date of birth, by first and last word of the name, by the prefixes
# of two words, by one whole word; and restricted charts, by any of the last three.
MAX_BY_FACT, MAX_BY_NAME, MAX_BY_PREFIXES, MAX_BY_WORD, MAX_RESTRICTED = 100, 100, 200, 100, 200
MAX_PREFIX_WORDS = 4
MANY = 20  # charts looked for at once, for which it is worth asking whether any is restricted
_COMPARED = ("pk", "restricted", "name", "phone", "date_of_birth")


class MatchReason(TextChoices):
    BIRTH_DATE = "birthDate", _("same date of birth")
    PHONE = "phone", _("same phone")
    NAME = "name", _("similar name")


class Match(NamedTuple):
    chart: Patient
    reasons: list[MatchReason]

    @property
    def reasons_text(self) -> str:
        return ", ".join(str(reason.label) for reason in self.reasons)


class Registration(NamedTuple):
    """A pending chart and its possible matches, likeliest first."""

    chart: Patient
    matches: list[Match]


class Identity(NamedTuple):
    """The data that is compared; for a restricted chart only the name."""

    name: str
    phone: str
    date_of_birth: date | None
    words: list[Words]

    @classmethod
    def of(
        cls,
        name: Any,
        phone: Any,
        date_of_birth: Any,
        *,
        restricted: bool,
        beside: "Identity | None" = None,
        digits_of: Callable[[str], str] = significant_digits,
    ) -> "Identity":
        """Build it from field values; those that cannot be decrypted match nothing. To compare it with one other alone,
        give that: most phones then need not be parsed, which takes longer than all the rest."""
        name, phone, date_of_birth = (
            None if isinstance(value, DecryptionError) else value for value in (name, phone, date_of_birth)
        )
        words = read_name(name or "")
        if restricted:
            return cls(name or "", "", None, words)
        if not phone or (beside and not may_end_alike(phone, beside.phone)):
            return cls(name or "", "", date_of_birth, words)
        return cls(name or "", digits_of(phone), date_of_birth, words)


class Candidate(NamedTuple):
    """A chart's comparison with a registration."""

    score: int
    reasons: list[MatchReason]
    restricted: bool


def with_matches(charts: Iterable[Patient], *, by_fact: bool = False) -> list[Registration]:
    """Return a Registration for each of the pending charts, with two queries in all. `by_fact` leaves out charts that
    have only one thing in common, unless they are restricted, which are compared by nothing but the name."""
    charts = list(charts)
    waiting = [_identity(chart) for chart in charts]
    found: list[dict[UUID, Candidate]] = [{} for _ in charts]
    digits_of = cache(significant_digits)  # families and offices share a phone; forgotten with this call
    for number, pk, restricted, *values in _candidates(waiting, by_fact=by_fact):
        known = Identity.of(*values, restricted=restricted, beside=waiting[number], digits_of=digits_of)
        if pk not in found[number] and (not restricted or _found_by_name(waiting[number], known)):
            found[number][pk] = Candidate(*_compare(waiting[number], known), restricted)
    least = ENOUGH_REASONS if by_fact else 1
    likely = [_likeliest(candidates, least=least) for candidates in found]
    rows = _load_charts({pk for matches in likely for pk in matches})
    return [
        Registration(
            chart,
            [
                Match(rows[pk], candidate.reasons)
                for pk, candidate in matches.items()
                if _still_applies(candidate, rows.get(pk))
            ],
        )
        for chart, matches in zip(charts, likely, strict=True)
    ]


def match_reasons(registration: Patient, chart: Patient) -> list[MatchReason]:
    """Return what suggests that the two belong to one person; only names are compared if either is restricted."""
    return _compare(_identity(registration), _identity(chart))[1]


def _identity(chart: Patient) -> Identity:
    values = []
    for field in ("name", "phone", "date_of_birth"):
        try:
            values.append(getattr(chart, field))
        except DecryptionError:
            values.append(None)
    return Identity.of(*values, restricted=chart.restricted)


def _compare(one: Identity, other: Identity) -> tuple[int, list[MatchReason]]:
    """Return how likely the two are one person, and why."""
    reasons, score = [], 0
    if one.date_of_birth is not None and one.date_of_birth == other.date_of_birth:
        reasons, score = [MatchReason.BIRTH_DATE], 2
    if one.phone and other.phone and (one.phone.endswith(other.phone) or other.phone.endswith(one.phone)):
        reasons, score = [*reasons, MatchReason.PHONE], score + 2
    alike = compare_words(one.words, other.words)
    if alike:
        reasons, score = [*reasons, MatchReason.NAME], score + 1 + alike
    return score, reasons


def _likeliest(candidates: dict[UUID, Candidate], *, least: int) -> dict[UUID, Candidate]:
    """Return the likeliest for which there are at least so many reasons; for a restricted one its name is enough."""
    alike = sorted(
        (-candidate.score, pk)
        for pk, candidate in candidates.items()
        if len(candidate.reasons) >= (1 if candidate.restricted else least)
    )
    return {pk: candidates[pk] for score, pk in alike[:MAX_MATCHES]}


def _still_applies(candidate: Candidate, chart: Patient | None) -> bool:
    """Return whether the chart still exists and was not restricted after being compared by more than its name."""
    return chart is not None and (candidate.restricted or not chart.restricted)


def _load_charts(ids: set[UUID]) -> dict[UUID, Patient]:
    if not ids:
        return {}
    columns = ("name", "email", "phone", "date_of_birth", "restricted", "user")
    return {chart.pk: chart for chart in Patient.objects.confirmed().filter(pk__in=ids).only(*columns)}


# --- Candidates -------------------------------------------------------------------------------------------------------


def _candidates(waiting: list[Identity], *, by_fact: bool) -> Iterator[tuple[Any, ...]]:
    """Yield rows of `(number, pk, restricted, name, phone, date_of_birth)`; `number` is the registration's
    position."""
    if by_fact:
        look_at_restricted = len(waiting) < MANY or _confirmed_restricted().exists()
        for number, known in enumerate(waiting):
            yield from ((number, *row) for row in _candidates_by_fact(known, restricted=look_at_restricted))
        return
    parts = [part for number, known in enumerate(waiting) for part in _candidate_parts(number, known)]
    if parts:
        yield from _ask_all(parts)


def _confirmed_restricted() -> PatientQuerySet:
    restricted: PatientQuerySet = Patient.objects.confirmed().filter(restricted=True).order_by()
    return restricted


def _candidates_by_fact(known: Identity, *, restricted: bool) -> Iterator[tuple[Any, ...]]:
    """Yield rows of the charts with a fact in common, and of restricted ones with a similar name."""
    facts, names = _fact_tokens(known), list(chain.from_iterable(_name_tokens(known.name)))
    alike = _compared(names, MAX_RESTRICTED, restricted=True) if names and restricted else None
    if facts:
        found = _compared(facts, MAX_BY_FACT, restricted=False)()
        yield from found
        if names and len(found) == MAX_BY_FACT:  # a date that many share must not crowd out those who share the name
            both = [Numbers(sorted({*fact, *name})) for fact in facts for name in names]
            yield from _compared(both, MAX_BY_NAME, restricted=False)()
    if alike:
        yield from alike()


def _compared(any_of: Sequence[list[int]], most: int, *, restricted: bool) -> Callable[[], list[tuple[Any, ...]]]:
    """Ask for what is compared of the charts whose index has all tokens of one of these lists, and return what returns
    it: within `sent_together`, the question may travel with others."""
    if connection.vendor != "postgresql":  # its SQL has a part for each token
        found = _confirmed(any_of, most, restricted=restricted).values_list(*_COMPARED)
        return lambda: list(found)
    return _indexed(None, restricted, any_of=tuple(any_of)).sent(limit=most)


@CompiledQuery
def _indexed(person: None, restricted: bool, *, any_of: tuple[list[int], ...]) -> Any:
    return _having(any_of, restricted=restricted).values_list(*_COMPARED)


class Part(NamedTuple):
    """What is asked for one registration: at most so many charts whose index has all tokens of one of the lists."""

    number: int
    any_of: tuple[list[int], ...]
    most: int
    restricted: bool = False


def _candidate_parts(number: int, known: Identity) -> Iterator[Part]:
    """Yield what to ask, with a limit each, so that a common name does not crowd out a match by phone."""
    facts, names = _fact_tokens(known), _name_tokens(known.name)
    limits = (MAX_BY_FACT, MAX_BY_NAME, MAX_BY_PREFIXES, MAX_BY_WORD)
    # at most five: SQLite can join 500, and a page has 100 registrations
    for any_of, most in zip((facts, *names), limits, strict=True):
        if any_of:
            yield Part(number, tuple(any_of), most)
    if any(names):
        yield Part(number, tuple(chain.from_iterable(names)), MAX_RESTRICTED, restricted=True)


def _ask_all(parts: list[Part]) -> Iterable[tuple[Any, ...]]:
    """Ask for all of it in one query, which is compiled once for as many registrations with names of as many words."""
    if connection.vendor != "postgresql":
        return _united(parts).iterator()
    shape = [part._replace(any_of=()) for part in parts]
    return _all_parts(None, *shape, **{f"part{at}": part.any_of for at, part in enumerate(parts)}).all()


@CompiledQuery
def _all_parts(person: None, *shape: Part, **any_of: tuple[list[int], ...]) -> Any:
    return _united([part._replace(any_of=any_of[f"part{at}"]) for at, part in enumerate(shape)])


def _united(parts: list[Part]) -> Any:
    first, *others = map(_numbered, parts)
    return first.union(*others, all=True)


def _fact_tokens(known: Identity) -> list[list[int]]:
    """Return what a chart's index has all of if it has the same phone, and if it has the same date of birth."""
    facts = []
    if known.phone:
        facts.append(_tokens(known.phone[-MIN_DIGITS:]))
    if known.date_of_birth is not None:
        facts.append(Numbers([birth_date_token(known.date_of_birth, practice_id=current_practice_id())]))
    return facts


def _name_tokens(name: str) -> list[list[list[int]]]:
    return [[_tokens(*words) for words in way] for way in _name_queries(name)]


def _name_queries(name: str) -> tuple[list[list[str]], ...]:
    """Return three kinds of queries for a similar name, each a list of alternatives; a chart must have all words of
    one."""
    whole, beginnings, single = list[list[str]](), list[list[str]](), list[list[str]]()
    for words in filter(None, map(typed_words, spellings(name))):
        ends = list(dict.fromkeys([words[0], words[-1]]))
        whole.append(ends)
        beginnings += [[words[0][:2], word[:2]] for word in words[1:MAX_PREFIX_WORDS] or words]
        single += [[word] for word in ends if len(word) > 2]
    return whole, beginnings, single


def _found_by_name(waiting: Identity, known: Identity) -> bool:
    """Return whether the name alone would find this chart. The index also covers email and phone, and the words of a
    registered name may be someone's phone number."""
    practice_id = current_practice_id()
    tokens = text_tokens(name_words(known.name), practice_id=practice_id)
    ways = chain.from_iterable(_name_queries(waiting.name))
    return any(tokens.issuperset(query_tokens(words, practice_id=practice_id)) for words in ways)


def _tokens(*words: str) -> list[int]:
    return Numbers(query_tokens(words, practice_id=current_practice_id()))


def _confirmed(any_of: Sequence[list[int]], most: int, *, restricted: bool) -> PatientQuerySet:
    """Return at most so many of the charts whose index has all tokens of one of these lists."""
    return _having(any_of, restricted=restricted)[:most]


def _having(any_of: Sequence[list[int]], *, restricted: bool) -> PatientQuerySet:
    charts = Patient.objects.confirmed().filter(search_index__has_all_of_one=any_of, restricted=restricted)
    found: PatientQuerySet = charts.order_by()
    return found


def _numbered(part: Part) -> PatientQuerySet:
    charts = _confirmed(part.any_of, part.most, restricted=part.restricted)
    rows = Patient.objects.filter(pk__in=charts.values("pk")).order_by()
    columns: PatientQuerySet = rows.annotate(number=Value(part.number, output_field=IntegerField())).values_list(
        "number", *_COMPARED
    )
    return columns
