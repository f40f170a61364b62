"""Search over encrypted text by a blind index (docs/adr/0003 says what the index leaks).

Each word of a text is split into its trigrams and its first one and two letters; each piece becomes a 64-bit keyed
hash. A query word of three or more letters is searched for by its trigrams, a shorter one as a prefix. A word of more
than three letters may match a chart that holds its trigrams in another order, so such hits are decrypted and checked;
for shorter words the index is exact.
"""

import hashlib
import hmac
import struct
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.signals import setting_changed
from django.db import models
from django.dispatch import receiver

from core.search.words import begins_anywhere

PIECE = 3


def is_exact(word: str) -> bool:
    """Return whether the index is exact for this query word; else its hits must be decrypted and checked."""
    return len(word) <= PIECE


def _pieces_of_text(word: str) -> list[str]:
    """Return the beginnings of a word and of what may be looked for within it, and its trigrams; some twice."""
    if word.isascii():
        return [word[:1], word[:2], *_pieces_of_query(word)]
    starts = [0, *(at for at in range(1, len(word)) if begins_anywhere(word[at]))]
    return [word[start : start + size] for start in starts for size in (1, 2)] + _pieces_of_query(word)


def _pieces_of_query(word: str) -> list[str]:
    if len(word) < PIECE:
        return [word]
    return [word[start : start + PIECE] for start in range(len(word) - PIECE + 1)]


@cache
def _master_key() -> bytes:
    return hashlib.sha256(b"praxis blind index" + settings.SEARCH_INDEX_KEY.encode()).digest()


@receiver(setting_changed)
def _key_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "SEARCH_INDEX_KEY":
        _master_key.cache_clear()
        _practice_key.cache_clear()
        _token.cache_clear()
        _tokens_of_word.cache_clear()


@lru_cache(maxsize=1024)
def _practice_key(practice_id: UUID) -> bytes:
    return hmac.digest(_master_key(), b"practice" + practice_id.bytes, "sha256")


@lru_cache(maxsize=65_536)
def _token(key: bytes, piece: str) -> int:
    return int.from_bytes(hmac.digest(key, piece.encode(), "sha256")[:8], "big", signed=True)


@lru_cache(maxsize=16_384)
def _tokens_of_word(key: bytes, word: str) -> frozenset[int]:
    """Return the hashes of a word. Names come again and again when many charts are indexed."""
    return frozenset([_token(key, piece) for piece in _pieces_of_text(word)])


def text_tokens(words: Iterable[str], *, practice_id: UUID) -> set[int]:
    """Return the hashes to store for a text, of all pieces of all its words. Sort them with whatever else a row stores,
    so that their order leaks nothing."""
    key = _practice_key(practice_id)
    return set().union(*[_tokens_of_word(key, word) for word in words if word])


def query_tokens(words: Iterable[str], *, practice_id: UUID) -> list[int]:
    """Return the hashes that a chart must have to match."""
    key = _practice_key(practice_id)
    return sorted({_token(key, piece) for word in words for piece in _pieces_of_query(word)})


def exact_token(text: str, *, practice_id: UUID) -> int:
    """Return the hash of a whole text, longer than the pieces of others so that they never equal it."""
    assert len(text) > PIECE
    return _token(_practice_key(practice_id), text)


def normalised_email(email: str) -> str:
    """Return the email as accounts and sign-in counters compare it: `A@B.C` and `a@b.c` are equal."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


def email_fingerprint(email: str) -> bytes:
    """Return the 32 bytes by which an account is found by its email, the same in every practice."""
    key = hmac.digest(_master_key(), b"account email", "sha256")
    return hmac.digest(key, normalised_email(email).encode(), "sha256")


def phone_fingerprint(number: str) -> bytes:
    """Return the 32 bytes by which the messages to an international number are found, the same in every practice."""
    key = hmac.digest(_master_key(), b"message phone", "sha256")
    return hmac.digest(key, number.encode(), "sha256")


def payer_fingerprint(name: str, *, practice_id: UUID) -> bytes:
    """Return the 32 bytes by which invoices that somebody else than the patient pays are found, other ones in each
    practice."""
    key = hmac.digest(_practice_key(practice_id), b"payer", "sha256")
    return hmac.digest(key, " ".join(unicodedata.normalize("NFKC", name).casefold().split()).encode(), "sha256")


def join_code_fingerprint(code: str) -> bytes:
    """Return the 32 bytes by which a join code is found.

    The hash is keyed: a code has only some 40 bits, which could be guessed from a plain hash within minutes.
    """
    key = hmac.digest(_master_key(), b"join code", "sha256")
    return hmac.digest(key, code.encode(), "sha256")


def form_code_fingerprint(code: str) -> bytes:
    """Return the 32 bytes by which the code of a form is found; keyed, as that of a join code is."""
    key = hmac.digest(_master_key(), b"form code", "sha256")
    return hmac.digest(key, code.encode(), "sha256")


class BlindIndexField(models.Field):
    """A set of 64-bit hashes: `bigint[]` with a GIN index on PostgreSQL, eight bytes each in a blob on SQLite."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "editable": False, "default": list})

    def db_type(self, connection: Any) -> str:
        return "bigint[]" if connection.vendor == "postgresql" else "blob"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if connection.vendor == "postgresql":
            return list(value)
        return struct.pack(f">{len(value)}q", *value)

    def binary(self, value: list[int]) -> bytes:
        """Return the value as PostgreSQL's binary COPY takes it: one dimension, no nulls, the element's type (int8),
        how many and from which index on, then each with its size."""
        sizes_and_hashes = chain.from_iterable([(8, token) for token in value])
        return struct.pack(f">5i{'iq' * len(value)}", 1, 0, 20, len(value), 1, *sizes_and_hashes)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> list[int]:
        if connection.vendor == "postgresql":
            return list(value)
        return list(struct.unpack(f">{len(value) // 8}q", value))


@BlindIndexField.register_lookup
class HasAllOfOne(models.Lookup):
    """`search_index__has_all_of_one=[tokens, …]`: the set contains all hashes of one of these lists. One lookup costs
    Django less than a Q for each."""

    lookup_name = "has_all_of_one"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return "%s", [value]

    def _sets(self) -> list[list[int]]:
        return [list(tokens) for tokens in self.rhs]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        sets = [[struct.pack(">q", token) for token in tokens] for tokens in self._sets()]
        test = f"instr({column}, %s) > 0"
        sql = " OR ".join(" AND ".join([test] * len(tokens)) or "1 = 1" for tokens in sets)
        return f"({sql})", [value for tokens in sets for token in tokens for value in (*params, token)]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        sets = self._sets()
        sql = " OR ".join([f"{column} @> %s::bigint[]"] * len(sets))
        return f"({sql})", [value for tokens in sets for value in (*params, tokens)]


@BlindIndexField.register_lookup
class HasAll(HasAllOfOne):
    """`search_index__has_all=tokens`: the set contains all of these hashes."""

    lookup_name = "has_all"

    def _sets(self) -> list[list[int]]:
        return [list(self.rhs)]
