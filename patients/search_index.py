"""The contents of a chart's blind index (core/encryption/blind_index.py)."""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

from core.encryption.blind_index import exact_token, text_tokens
from core.search.letters import fold
from core.search.phones import phone_digits
from core.search.words import joined_words, name_words

WORDS_OF: dict[str, Callable[[str], list[str]]] = {
    "name": name_words,
    "email": lambda email: [fold(email.strip())],
    "phone": lambda phone: [phone_digits(phone)],
}
INDEXED = frozenset(WORDS_OF) | {"date_of_birth"}


def chart_tokens(patient: Any) -> list[int]:
    """Return the tokens of this chart's name, email, phone and date of birth."""
    practice_id = patient.practice_id
    words = [word for field, split in WORDS_OF.items() for word in split(getattr(patient, field))]
    tokens = text_tokens(words, practice_id=practice_id)
    tokens.update(joined_token(joined, practice_id=practice_id) for joined in joined_words(patient.name))
    if patient.date_of_birth is not None:
        tokens.add(birth_date_token(patient.date_of_birth, practice_id=practice_id))
    return sorted(tokens)


def joined_token(joined: str, *, practice_id: UUID) -> int:
    """Return the token that finds charts by neighbouring words of the name, typed as one word."""
    return exact_token(f"joined:{joined}", practice_id=practice_id)


def birth_date_token(birth_date: date, *, practice_id: UUID) -> int:
    """Return the token that finds charts with the same date of birth."""
    return exact_token(f"born:{birth_date}", practice_id=practice_id)
