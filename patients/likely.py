"""Who a registration may be: the practice's confirmed charts with the same date of birth or phone, or a similar name
(docs/adr/0014).

The blind index gives candidates, a bounded number for each registration and one query for all of them; they are
decrypted and compared. A restricted chart is found by its name alone, and says no more of itself: whether it is among
the matches, where, and why hangs on nothing else it holds.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import reduce
from itertools import chain
from operator import or_
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import IntegerField, Q, TextChoices, Value

from core.encryption.blind_index import name_words, phone_digits, query_tokens, text_tokens
from core.encryption.keyring import DecryptionError
from core.tenancy import current_practice_id
from patients.models import Patient, PatientQuerySet
from patients.names import likeness, typed_words
from patients.search import born_token

MATCHES_SHOWN = 5  # of one registration
# candidates of one registration that are decrypted: by phone and date of birth, by first and last word of the name, by
# how two words begin, by one whole word; and restricted charts, by any of the last three
MOST_BY_FACT, MOST_BY_NAME, MOST_BY_BEGINNINGS, MOST_BY_WORD, MOST_RESTRICTED = 100, 100, 200, 100, 200
WORDS_PAIRED = 4  # of a long name
SHORTEST_PHONE = 7  # digits; below that it is an extension


class Because(TextChoices):
    BIRTH_DATE = "birthDate", "same date of birth"
    PHONE = "phone", "same phone"
    NAME = "name", "similar name"


class Match(NamedTuple):
    chart: Patient
    because: list[Because]

    @property
    def in_words(self) -> str:
        return ", ".join(str(reason.label) for reason in self.because)


class Registration(NamedTuple):
    """A chart that waits to be confirmed, and whose it may be; the likeliest first."""

    chart: Patient
    matches: list[Match]


class Known(NamedTuple):
    """What is compared. Of a restricted chart, the name."""

    name: str
    phone: str
    born: date | None

    @classmethod
    def of(cls, name: Any, phone: Any, born: Any, *, restricted: bool) -> "Known":
        """What cannot be decrypted is like nothing."""
        name, phone, born = (None if isinstance(value, DecryptionError) else value for value in (name, phone, born))
        return cls(name or "", "", None) if restricted else cls(name or "", _significant(phone or ""), born)


class Likely(NamedTuple):
    score: int
    because: list[Because]
    restricted: bool


def with_matches(charts: Iterable[Patient]) -> list[Registration]:
    """Asks the database twice, however many they are."""
    charts = list(charts)
    waiting = [_known(chart) for chart in charts]
    found: list[dict[UUID, Likely]] = [{} for _ in charts]
    for number, pk, restricted, *said in _candidates(waiting):
        known = Known.of(*said, restricted=restricted)
        if pk not in found[number] and (not restricted or _found_by_name(waiting[number], known)):
            found[number][pk] = Likely(*_compared(waiting[number], known), restricted)
    likely = [_likeliest(candidates) for candidates in found]
    rows = _shown({pk for matches in likely for pk in matches})
    return [
        Registration(
            chart, [Match(rows[pk], said.because) for pk, said in matches.items() if _is_still(said, rows.get(pk))]
        )
        for chart, matches in zip(charts, likely, strict=True)
    ]


def reasons(registration: Patient, chart: Patient) -> list[Because]:
    """What speaks for it that the two are one person's: their names alone, where either is restricted."""
    return _compared(_known(registration), _known(chart))[1]


def _known(chart: Patient) -> Known:
    values = []
    for field in ("name", "phone", "date_of_birth"):
        try:
            values.append(getattr(chart, field))
        except DecryptionError:
            values.append(None)
    return Known.of(*values, restricted=chart.restricted)


def _significant(phone: str) -> str:
    """Without what comes before it from elsewhere: `+49 30 901820` ends in what `030 901820` means."""
    digits = phone_digits(phone).lstrip("0")
    return digits if len(digits) >= SHORTEST_PHONE else ""


def _compared(one: Known, other: Known) -> tuple[int, list[Because]]:
    """How likely it is one person, and why."""
    because, score = [], 0
    if one.born is not None and one.born == other.born:
        because, score = [Because.BIRTH_DATE], 2
    if one.phone and other.phone and (one.phone.endswith(other.phone) or other.phone.endswith(one.phone)):
        because, score = [*because, Because.PHONE], score + 2
    alike = likeness(one.name, other.name)
    if alike:
        because, score = [*because, Because.NAME], score + 1 + alike
    return score, because


def _likeliest(candidates: dict[UUID, Likely]) -> dict[UUID, Likely]:
    alike = sorted((-said.score, pk) for pk, said in candidates.items() if said.score)
    return {pk: candidates[pk] for _, pk in alike[:MATCHES_SHOWN]}


def _is_still(said: Likely, chart: Patient | None) -> bool:
    """A chart that was restricted meanwhile was found, and compared, by more than its name."""
    return chart is not None and (said.restricted or not chart.restricted)


def _shown(ids: set[UUID]) -> dict[UUID, Patient]:
    if not ids:
        return {}
    columns = ("name", "email", "phone", "date_of_birth", "restricted", "user")
    return {chart.pk: chart for chart in Patient.objects.confirmed().filter(pk__in=ids).only(*columns)}


# --- Candidates -------------------------------------------------------------------------------------------------------


def _candidates(waiting: list[Known]) -> Iterator[tuple[Any, ...]]:
    """`(number, pk, restricted, name, phone, date_of_birth)`, of each registration by its number."""
    parts = [part for number, known in enumerate(waiting) for part in _parts(number, known)]
    if not parts:
        return iter(())
    first, *others = parts
    return iter(first.union(*others, all=True))


def _parts(number: int, known: Known) -> Iterator[PatientQuerySet]:
    """Each is bounded by itself: what a common name finds does not crowd out whoever has the same phone."""
    facts = []
    if known.phone:
        facts.append(_pieces(known.phone[-SHORTEST_PHONE:]))
    if known.born is not None:
        facts.append(Q(search_index__has_all=[born_token(known.born, practice_id=current_practice_id())]))
    by_name = [[_pieces(*words) for words in way] for way in _ways(known.name)]
    limits = (MOST_BY_FACT, MOST_BY_NAME, MOST_BY_BEGINNINGS, MOST_BY_WORD)
    # five parts at most: SQLite joins 500, and a page has a hundred registrations
    for any_of, most in zip((facts, *by_name), limits, strict=True):
        if any_of:
            yield _bounded(number, any_of, most, restricted=False)
    whole_name, *others = by_name
    if whole_name:
        yield _bounded(number, [*whole_name, *chain.from_iterable(others)], MOST_RESTRICTED, restricted=True)


def _ways(name: str) -> tuple[list[list[str]], ...]:
    """Three ways to find a similar name: what each looks for is a choice of words that a chart has all of."""
    words = typed_words(name)
    ends = list(dict.fromkeys([words[0], words[-1]])) if words else []
    beginnings = [[words[0][:2], word[:2]] for word in words[1:WORDS_PAIRED] or words]
    return [ends] if ends else [], beginnings, [[word] for word in ends if len(word) > 2]


def _found_by_name(waiting: Known, known: Known) -> bool:
    """Whether the index would find this chart if it held the name alone. It holds email and phone as well, and the
    words of a registration may be somebody's phone number."""
    practice_id = current_practice_id()
    held = set(text_tokens(name_words(known.name), practice_id=practice_id))
    ways = chain.from_iterable(_ways(waiting.name))
    return any(held.issuperset(query_tokens(words, practice_id=practice_id)) for words in ways)


def _pieces(*words: str) -> Q:
    return Q(search_index__has_all=query_tokens(words, practice_id=current_practice_id()))


def _bounded(number: int, any_of: list[Q], most: int, *, restricted: bool) -> PatientQuerySet:
    wanted = reduce(or_, any_of)
    keys = Patient.objects.confirmed().filter(wanted, restricted=restricted).order_by().values("pk")[:most]
    rows = Patient.objects.filter(pk__in=keys).order_by().annotate(number=Value(number, output_field=IntegerField()))
    columns: PatientQuerySet = rows.values_list("number", "pk", "restricted", "name", "phone", "date_of_birth")
    return columns
