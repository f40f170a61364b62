"""Searching notes: the same rule as the search of charts, on texts that are not split into words."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.api.pagination import Page
from core.search.words import MAX_JOINED, FreeText, Words, query_terms
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.models import SessionNote
from records.notes.search import _excerpt, search
from records.tests.factories import FinalisedNoteFactory

ODD = (
    "abcABC\u00e9\u00c9\u00df\u00fc\u00e5I\u0130\u0131 \ufb01'\u2019-_.1\u00b2\n\u00b0"
    "\u5c71\u7530\u304b\u3099\u0e01\u0e32\u0e48\u0930\u093e\u094d"
)
LETTERS = st.text(st.sampled_from(ODD), max_size=12) | st.text(max_size=12)


@given(text=LETTERS, query=LETTERS)
@example(text="O'Brien\u2019s", query="obrien")
@example(text="half_word", query="wo")
@example(text="a\nb", query="ab")
@example(text="low back pain", query="backpain")
@example(text="Evan", query="Eva N")
@example(text="Eva Nilsson", query="Evan")
def test_note_search_matches_like_chart_search(text, query):
    words = Words.of(text)
    assume(len(words.words) <= MAX_JOINED)
    for term in query_terms(query):
        found = FreeText(text).meets(term)

        assert found == words.meets(term), (term, text)
        assert bool(_excerpt(text, [term])) == found


@pytest.fixture
def patient(practice, make_user):
    with practice_scope(practice.pk):
        return PatientFactory()


def test_search_query_count_is_constant(practice, patient, make_user):
    doctor = make_user("doctor")
    counts = []
    for _ in range(2):
        with practice_scope(practice.pk):
            FinalisedNoteFactory.create_batch(3, patient=patient, doctor=doctor)
            notes = SessionNote.objects.filter(patient=patient).latest_first()
            with CaptureQueriesContext(
                connection,
            ) as captured:
                hits, total = search(notes, "lumbar strain", Page(page=1, limit=10))
        assert len(hits) == total
        counts.append(len(captured))

    assert counts == [2, 2]
