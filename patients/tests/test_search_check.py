"""The fast check of a decrypted name agrees with the rule that splits it (core/search/words.py)."""

from hypothesis import example, given
from hypothesis import strategies as st

from core.search.words import Words
from patients.search import is_named, plain_words
from patients.search_query import chart_terms

TEXTS = st.text(alphabet="aAbcßéÉe\u0301ΣσςıİKü '’-_.@0٣山", max_size=12)  # noqa: RUF001


@given(name=TEXTS, query=TEXTS)
@example(name="Ann O'Brien", query="brien")
@example(name="Smith-Jones", query="smith jones")
@example(name="Jean-Luc", query="jea uc")
@example(name="Zoe Muller", query="Müller")
def test_name_with_all_plain_words_meets_the_terms(name, query):
    terms = chart_terms(query, get_region=lambda: "US")
    words = plain_words(terms)
    if words and is_named(name, words):
        assert all(map(Words.of(name).meets, terms))
