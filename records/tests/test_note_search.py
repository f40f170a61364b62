"""Finding words in notes: the same rule as the search of charts, on texts that are not cut into words."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import example, given
from hypothesis import strategies as st

from core.encryption.blind_index import joined_up, name_words, occurs_in
from core.tenancy import practice_scope
from patients.tests.factories import PatientFactory
from records.models import SessionNote
from records.note_search import _excerpt, _test, search
from records.tests.factories import FinalisedNoteFactory

ODD = "abcABC\u00e9\u00c9\u00dfI\u0130\u0131 \ufb01'\u2019-_.1\u00b2\n\u00b0"
LETTERS = st.text(st.sampled_from(ODD), max_size=12) | st.text(max_size=12)


@given(text=LETTERS, query=LETTERS)
@example(text="O'Brien\u2019s", query="obrien")
@example(text="half_word", query="wo")
@example(text="a\nb", query="ab")
def test_a_word_is_found_where_the_search_of_charts_would_find_it(text, query):
    for word in name_words(query):
        found = bool(_test(word)(joined_up(text)))

        assert found == occurs_in(word, name_words(text)), (word, text)
        assert bool(_excerpt(text, [_test(word)])) == found


@pytest.fixture
def patient(practice, make_user):
    with practice_scope(practice.pk):
        return PatientFactory()


def test_a_search_costs_two_queries_whatever_it_finds(practice, patient, make_user):
    doctor = make_user("doctor")
    counts = []
    for _ in range(2):
        with practice_scope(practice.pk):
            FinalisedNoteFactory.create_batch(3, patient=patient, doctor=doctor)
            notes = SessionNote.objects.filter(patient=patient).latest_first()
            with CaptureQueriesContext(
                connection,
            ) as captured:
                hits, total = search(notes, "lumbar strain", page=1, limit=10)
        assert len(hits) == total
        counts.append(len(captured))

    assert counts == [2, 2]
