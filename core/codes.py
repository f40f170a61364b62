"""Codes that people read off a screen or a sheet of paper and type again."""

import secrets

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # no 0/O, 1/I/L


def draw(length: int) -> str:
    """So many letters at random, nearly five bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
