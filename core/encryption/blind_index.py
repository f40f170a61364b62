"""Search without plaintext (DESIGN.md rule 4; docs/adr/0003 says what the index leaks).

Every word of a text is cut into its three-letter pieces and its first one and two letters; each piece becomes a
64-bit keyed hash. A query word of three letters and more is looked for by all its pieces, a shorter one as a
beginning. A word of more than three letters may hit a chart that holds its pieces in another order, so such hits are
decrypted and checked; for shorter words the index alone is exact.
"""

import hashlib
import hmac
import re
import struct
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.signals import setting_changed
from django.db import models
from django.dispatch import receiver

PIECE = 3
_PHONE = re.compile(r"[\d\s()+\-./]*\d[\d\s()+\-./]*")
_APOSTROPHES = "'’`ʼ"  # noqa: RUF001 - people type each of these in a name
_BREAKS = re.compile(r"[\W_]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def normalise(text: str) -> str:
    """NFKD, casefold, accents off: what two spellings of the same word share."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return _FOREIGN.sub(_without_accents, folded)


def _without_accents(foreign: re.Match[str]) -> str:
    return "".join(character for character in foreign[0] if not unicodedata.combining(character))


def joined_up(text: str) -> str:
    """Normalised, and `O'Brien` in one piece: what words are cut from."""
    text = normalise(text)
    for apostrophe in _APOSTROPHES:
        text = text.replace(apostrophe, "")
    return text


def name_words(text: str) -> list[str]:
    """`Anne-Marie O'Brien` is anne, marie, obrien."""
    return _BREAKS.sub(" ", joined_up(text)).split()


def email_word(email: str) -> str:
    """An email is one word."""
    return normalise(email.strip())


def phone_digits(phone: str) -> str:
    """The digits alone, also those of other scripts: `+1 (555) 010-2030` is 15550102030."""
    return "".join(character for character in normalise(phone) if character.isdigit())


def query_words(query: str) -> list[str]:
    """The words of what somebody typed into the search box, each normalised as its kind is stored. Neighbours that
    are written like parts of a phone number are one number: `+49 (30) 901820`."""
    words: list[str] = []
    for like_phone, run in groupby(query.split(), key=lambda typed: bool(_PHONE.fullmatch(typed))):
        if like_phone:
            words.append(phone_digits("".join(run)))
            continue
        for typed in run:
            words.extend([email_word(typed)] if "@" in typed else name_words(typed))
    return list(dict.fromkeys(word for word in words if word))


def is_exact(word: str) -> bool:
    """Whether the index alone answers this query word; else its hits must be decrypted and checked."""
    return len(word) <= PIECE


def occurs_in(word: str, texts: Iterable[str]) -> bool:
    """The rule itself: as a substring from three letters on, as a beginning below."""
    if len(word) < PIECE:
        return any(text.startswith(word) for text in texts)
    return any(word in text for text in texts)


def _pieces_of_text(word: str) -> set[str]:
    return {word[:1], word[:2]} | _pieces_of_query(word)


def _pieces_of_query(word: str) -> set[str]:
    if len(word) < PIECE:
        return {word}
    return {word[start : start + PIECE] for start in range(len(word) - PIECE + 1)}


@cache
def _master_key() -> bytes:
    return hashlib.sha256(b"praxis blind index" + settings.SEARCH_INDEX_KEY.encode()).digest()


@receiver(setting_changed)
def _key_changed(*, setting: str, **kwargs: object) -> None:
    if setting == "SEARCH_INDEX_KEY":
        _master_key.cache_clear()
        _practice_key.cache_clear()
        _token.cache_clear()


@lru_cache(maxsize=1024)
def _practice_key(practice_id: UUID) -> bytes:
    return hmac.digest(_master_key(), b"practice" + practice_id.bytes, "sha256")


@lru_cache(maxsize=65_536)
def _token(key: bytes, piece: str) -> int:
    return int.from_bytes(hmac.digest(key, piece.encode(), "sha256")[:8], "big", signed=True)


def text_tokens(words: Iterable[str], *, practice_id: UUID) -> list[int]:
    """What a chart stores: the hashes of all pieces of all its words, sorted, so their order tells nothing."""
    key = _practice_key(practice_id)
    return sorted({_token(key, piece) for word in words if word for piece in _pieces_of_text(word)})


def query_tokens(words: Iterable[str], *, practice_id: UUID) -> list[int]:
    """What a chart must hold to be a hit."""
    key = _practice_key(practice_id)
    return sorted({_token(key, piece) for word in words for piece in _pieces_of_query(word)})


def whole_token(text: str, *, practice_id: UUID) -> int:
    """The hash of a text as a whole. No search reaches it: what is typed is cut into pieces, and they are shorter."""
    assert len(text) > PIECE
    return _token(_practice_key(practice_id), text)


def normalised_email(email: str) -> str:
    """`A@B.C` and `a@b.c` are one address, for the accounts and for the count of sign-ins alike."""
    return unicodedata.normalize("NFKC", email.strip()).casefold()


def email_fingerprint(email: str) -> bytes:
    """32 bytes by which an account is found by its email, the same in every practice."""
    key = hmac.digest(_master_key(), b"account email", "sha256")
    return hmac.digest(key, normalised_email(email).encode(), "sha256")


def join_code_fingerprint(code: str) -> bytes:
    """32 bytes by which a join code is found. Its eight letters are some 40 bits, which whoever stole a dump would
    guess from a bare hash within minutes; this key is not in the database."""
    key = hmac.digest(_master_key(), b"join code", "sha256")
    return hmac.digest(key, code.encode(), "sha256")


class BlindIndexField(models.Field):
    """A set of 64-bit hashes: `bigint[]` under a GIN index on PostgreSQL, eight bytes each in a blob on SQLite."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "editable": False, "default": list})

    def db_type(self, connection: Any) -> str:
        return "bigint[]" if connection.vendor == "postgresql" else "blob"

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if connection.vendor == "postgresql":
            return list(value)
        return struct.pack(f">{len(value)}q", *value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> list[int]:
        if connection.vendor == "postgresql":
            return list(value)
        return list(struct.unpack(f">{len(value) // 8}q", value))


@BlindIndexField.register_lookup
class HasAll(models.Lookup):
    """`search_index__has_all=tokens`: the set holds every one of these hashes."""

    lookup_name = "has_all"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        return "%s", [value]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        tests = [f"instr({column}, %s) > 0"] * len(self.rhs) or ["1 = 1"]
        blobs = [struct.pack(">q", token) for token in self.rhs]
        return f"({' AND '.join(tests)})", [*list(params) * len(blobs), *blobs]

    def as_postgresql(self, compiler: Any, connection: Any) -> Any:
        column, params = self.process_lhs(compiler, connection)
        return f"{column} @> %s::bigint[]", [*params, list(self.rhs)]
