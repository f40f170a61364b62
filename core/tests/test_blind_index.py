"""Search through the blind index finds exactly what a search through the plaintext would."""

from functools import partial

import pytest
from django.core.exceptions import FieldError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.encryption.blind_index import query_tokens, text_tokens
from core.errors import Invalid
from core.search.letters import fold
from core.search.words import WordPattern, joined_words, occurs_in
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.search import search_charts
from patients.search_index import WORDS_OF
from patients.search_query import chart_terms
from patients.tests.factories import PatientFactory
from practices.tests.factories import PracticeFactory
from tests.sampling import examples

NAMES = [
    "Anna Smith",
    "Annabel Smithson",
    "Zoë Müller",
    "Jean-Luc O'Brien",
    "Mississippi Ssip",
    "Li Na",
    "张伟",
    "Ma Ma",
]


def hits(query):
    found = search_charts(Patient.objects.all(), query)
    return sorted(found if isinstance(found, list) else (row.pk for row in found))


def plain_hits(patients, query):
    """The rule of patients/search.py, said on plaintext."""
    terms = chart_terms(query, get_region=lambda: "US")
    return [patient.pk for patient in patients if terms and all(map(partial(meets, patient), terms))]


def meets(patient, term):
    words = [word for field, split in WORDS_OF.items() for word in split(getattr(patient, field))]
    return any(
        pattern.joined in joined_words(patient.name)
        if pattern.joined
        else all(occurs_in(word, words) for word in pattern.words)
        for pattern in term
        if isinstance(pattern, WordPattern)
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("smith", ["Anna Smith", "Annabel Smithson"]),
        ("SMITH anna", ["Anna Smith", "Annabel Smithson"]),
        ("mithson", ["Annabel Smithson"]),
        ("a", ["Anna Smith", "Annabel Smithson"]),
        ("mu", ["Zoë Müller"]),
        ("zoe muller", ["Zoë Müller"]),
        ("obrien", ["Jean-Luc O'Brien"]),
        ("O’Brien", ["Jean-Luc O'Brien"]),  # noqa: RUF001
        ("jean-luc", ["Jean-Luc O'Brien"]),
        ("ith", ["Anna Smith", "Annabel Smithson"]),
        ("it", []),
        ("issipp", ["Mississippi Ssip"]),
        ("ssippi", ["Mississippi Ssip"]),
        ("sippis", []),  # all its pieces are there, the word is not
        ("张伟", ["张伟"]),
        ("nobody", []),
        ("!!!", []),
        ("555010", ["Anna Smith"]),
        ("(555) 010", ["Anna Smith"]),
        ("+1 (555) 01 02 030", ["Anna Smith"]),
        ("smith 555 010", ["Anna Smith"]),
        ("+1 555-0102030", ["Anna Smith"]),
        ("anna@example.org", ["Anna Smith"]),
        ("ANNA@Example.org", ["Anna Smith"]),
    ],
)
def test_search_queries(scope, query, expected):
    for number, name in enumerate(NAMES):
        contact = {"email": "anna@example.org", "phone": "+1 (555) 010-2030"} if number == 0 else {"phone": "999"}
        PatientFactory(name=name, **({"email": f"q{number}@z.test"} | contact))
    found = hits(query)
    assert [Patient.objects.get(pk=pk).name for pk in found] == expected


LETTERS = st.text(st.sampled_from("aàbB -'@.1"), max_size=9)


@pytest.mark.slow  # hypothesis
@settings(max_examples=examples(60, 8), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(LETTERS, LETTERS, LETTERS), min_size=1, max_size=6), st.lists(LETTERS, max_size=6))
def test_index_agrees_with_plaintext_search(scope, charts, queries):
    Patient.objects.all().delete()
    patients = [PatientFactory(name=name, email=email, phone=phone) for name, email, phone in charts]
    for query in [*queries, *(field for chart in charts for field in chart)]:
        assert hits(query) == plain_hits(patients, query)


@given(st.text())
def test_fold_is_idempotent(text):
    assert fold(fold(text)) == fold(text)


def test_index_is_updated_by_every_kind_of_write(scope):
    patient = PatientFactory(name="Old Name")
    patient.name = "New Name"
    patient.save(update_fields=["name"])
    assert (hits("old"), hits("new")) == ([], [patient.pk])
    patient.phone = "777 888"
    patient.save()
    assert hits("777888") == [patient.pk]
    bulk = Patient.objects.bulk_create([PatientFactory.build(name="Bulk Row")])
    assert hits("bulk row") == [bulk[0].pk]
    with pytest.raises(FieldError, match="one by one"):
        Patient.objects.filter(pk=patient.pk).update(name="Stale Index")
    with pytest.raises(FieldError, match="one by one"):
        Patient.objects.bulk_update(bulk, ["email"])


def test_word_in_too_many_charts_is_refused(scope, monkeypatch):
    monkeypatch.setattr("patients.search.MAX_DECRYPTED", 2)
    PatientFactory.create_batch(2)
    assert len(hits("example")) == 2
    PatientFactory()
    with pytest.raises(Invalid, match="Too many patients match"):
        hits("example")
    assert len(hits("exa")) == 3  # the index alone answers


def test_tokens_differ_by_practice_and_key(db, settings):
    first, second = PracticeFactory(), PracticeFactory()
    tokens = set(text_tokens(["smith"], practice_id=first.pk))
    assert tokens.isdisjoint(text_tokens(["smith"], practice_id=second.pk))
    assert set(query_tokens(["smith"], practice_id=first.pk)) <= tokens
    settings.SEARCH_INDEX_KEY = "another-key-0123456789-abcdefghijklmnop"
    assert tokens.isdisjoint(text_tokens(["smith"], practice_id=first.pk))


def test_search_finds_no_chart_of_another_practice(scope, other_practice):
    with practice_scope(other_practice.pk):
        PatientFactory(name="Same Name")
    assert hits("same name") == []
