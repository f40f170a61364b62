"""What a constraint of the database refuses, said in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError

from core.errors import Conflict, Sentence


@contextmanager
def violation_as_conflict(constraint: str, sentence: Sentence) -> Iterator[None]:
    """Raise Conflict with this sentence if the transaction inside violates the constraint of this name."""
    try:
        yield
    except IntegrityError as error:
        if constraint not in str(error):
            raise
        raise Conflict(sentence) from error
