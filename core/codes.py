"""Codes that people read from a screen or paper and type."""

import unicodedata

from django.utils.crypto import get_random_string

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # no 0/O, 1/I/L


def random_code(length: int) -> str:
    """Return `length` random characters of ALPHABET, nearly five bits each."""
    return get_random_string(length, ALPHABET)


def normalise_code(typed: str) -> str:
    """Return the letters and digits of a code, digits of any script as 0 to 9: `abcd-2345` is ABCD2345.

    Keyboards write digits in their own script, phones and sheets of paper show codes in groups, and what is pasted may
    have invisible characters around it."""
    plain = unicodedata.normalize("NFKC", typed).upper()
    return "".join(_ascii_digit(character) for character in plain if character.isalnum())


def _ascii_digit(character: str) -> str:
    return str(unicodedata.decimal(character, character))
