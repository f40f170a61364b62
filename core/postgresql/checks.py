"""`manage.py check --deploy`: whether the database's wall between practices stands for the role of DATABASE_URL."""

from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError, connection

MEND = "manage.py setup_database_roles --help says how it gets one."


def is_leakproof(cursor: Any) -> bool:
    """Whether a search may look into its index before the policies are checked (docs/adr/0006)."""
    cursor.execute("SELECT proleakproof FROM pg_proc WHERE oid = 'arraycontains(anyarray, anyarray)'::regprocedure")
    return bool(cursor.fetchone()[0])


@register(Tags.security, deploy=True)
def row_security_holds(**kwargs: Any) -> list[CheckMessage]:
    if connection.vendor != "postgresql":
        return []
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
            bypasses = cursor.fetchone()[0]
            searches_fast = is_leakproof(cursor)
    except DatabaseError:
        return []  # a database that does not answer has a check of its own at the start
    found: list[CheckMessage] = []
    if bypasses:
        sentence = "The role of DATABASE_URL bypasses row-level security; the application needs a plain one."
        found.append(Warning(sentence, hint=MEND, id="core.W001"))
    if not searches_fast:
        sentence = "Searches cannot use their index under row-level security."
        found.append(Warning(sentence, hint="Run manage.py setup_database_roles --apply as a superuser.", id="core.W002"))
    return found
