"""Locks that the code names itself, for work that must not run twice at once."""

from django.db import connection


def take_lock(name: str) -> None:
    """Wait until nobody else holds the lock of this name, and keep it until the transaction ends.

    On PostgreSQL an advisory lock; SQLite's transactions queue by themselves (IMMEDIATE).
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
