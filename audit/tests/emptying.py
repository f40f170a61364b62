"""Tests with real transactions end by emptying every table, which the trail refuses: in the database of the tests alone
(the servers that they start have their own) what refuses DELETE and TRUNCATE is taken off."""

from django.db import connection

TABLES = ("audit_event", "audit_subject", "audit_seal")


def let_tests_empty_the_trail() -> None:
    with connection.cursor() as cursor:
        for table in TABLES:
            if connection.vendor == "postgresql":
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_not_emptied ON {table}")
            else:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_not_deleted")
