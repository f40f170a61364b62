"""Search through the blind index finds exactly what a search through the plaintext would."""

import pytest
from django.core.exceptions import FieldError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.encryption.blind_index import (
    email_word,
    name_words,
    normalise,
    occurs_in,
    phone_digits,
    query_tokens,
    query_words,
    text_tokens,
)
from core.errors import Invalid
from core.tenancy import practice_scope
from patients.models import Patient
from patients.search import find
from patients.tests.factories import PatientFactory
from practices.tests.factories import PracticeFactory

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
    found = find(Patient.objects.all(), query)
    return sorted(found if isinstance(found, list) else (row.pk for row in found))


def plain_hits(patients, query):
    """The rule of DESIGN.md 4, said on plaintext."""
    words = query_words(query)
    return [
        patient.pk
        for patient in patients
        if words
        and all(
            occurs_in(word, [*name_words(patient.name), email_word(patient.email), phone_digits(patient.phone)])
            for word in words
        )
    ]


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
def test_what_a_receptionist_types(scope, query, expected):
    for number, name in enumerate(NAMES):
        contact = {"email": "anna@example.org", "phone": "+1 (555) 010-2030"} if number == 0 else {"phone": "999"}
        PatientFactory(name=name, **({"email": f"q{number}@z.test"} | contact))
    found = hits(query)
    assert [Patient.objects.get(pk=pk).name for pk in found] == expected


LETTERS = st.text(st.sampled_from("aàbB -'@.1"), max_size=9)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(LETTERS, LETTERS, LETTERS), min_size=1, max_size=6), st.lists(LETTERS, max_size=6))
def test_the_index_and_the_plaintext_agree(scope, charts, queries):
    Patient.objects.all().delete()
    patients = [PatientFactory(name=name, email=email, phone=phone) for name, email, phone in charts]
    for query in [*queries, *(field for chart in charts for field in chart)]:
        assert hits(query) == plain_hits(patients, query)


@given(st.text(), st.text())
def test_normalising_is_stable(first, second):
    assert normalise(normalise(first)) == normalise(first)
    assert normalise(first).casefold() == normalise(first)


def test_the_index_follows_every_way_of_changing_a_chart(scope):
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


def test_a_word_that_everybody_has_is_refused_instead_of_decrypting_them_all(scope, monkeypatch):
    monkeypatch.setattr("patients.search.MOST_CHECKED", 2)
    PatientFactory.create_batch(2)
    assert len(hits("example")) == 2
    PatientFactory()
    with pytest.raises(Invalid, match="Too many patients match"):
        hits("example")
    assert len(hits("exa")) == 3  # the index alone answers


def test_two_practices_share_no_token_and_the_key_changes_all(db, settings):
    first, second = PracticeFactory(), PracticeFactory()
    tokens = set(text_tokens(["smith"], practice_id=first.pk))
    assert tokens.isdisjoint(text_tokens(["smith"], practice_id=second.pk))
    assert set(query_tokens(["smith"], practice_id=first.pk)) <= tokens
    settings.SEARCH_INDEX_KEY = "another-key-0123456789-abcdefghijklmnop"
    assert tokens.isdisjoint(text_tokens(["smith"], practice_id=first.pk))


def test_a_search_stays_in_its_practice(scope, other_practice):
    with practice_scope(other_practice.pk):
        PatientFactory(name="Same Name")
    assert hits("same name") == []
