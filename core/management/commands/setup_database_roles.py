"""`manage.py setup_database_roles`: create the role the application connects to PostgreSQL as (docs/adr/0006)."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, transaction
from psycopg import sql

from core.tenancy.row_level_security import can_search_use_index

ATTRIBUTES = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
# Revoked again after SELECT, INSERT, UPDATE and DELETE are granted on all tables: the audit trail is append-only.
REVOKED = {
    "audit_event": "UPDATE, DELETE",
    "audit_seal": "UPDATE, DELETE",
    "audit_subject": "UPDATE, DELETE",
    "audit_unsealed": "UPDATE",
    "django_migrations": "INSERT, UPDATE, DELETE",
}
# How many pages are asked for ahead. A common name is on thousands of pages of charts, and one after the other, as by
# default, they take six times as long to come from the disk. Servers that cannot read ahead say 0, and refuse more.
PAGES_AHEAD = 100
# From PostgreSQL 16 on a role is changed by who made it, or has it with the admin option.
CAN_READ_AHEAD = """
    SELECT boot_val <> '0' AND (
        SELECT rolsuper OR rolcreaterole AND (
            current_setting('server_version_num')::int < 160000
            OR NOT EXISTS (SELECT FROM pg_roles WHERE rolname = %(role)s)
            OR EXISTS (SELECT FROM pg_auth_members JOIN pg_roles role ON role.oid = roleid
                       WHERE role.rolname = %(role)s AND member = owner.oid AND admin_option))
        FROM pg_roles owner WHERE rolname = current_user)
    FROM pg_settings WHERE name = 'effective_io_concurrency'
"""
FACTS = """
    SELECT current_user, current_database(),
           (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
           (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = to_regclass('public.django_migrations')),
           (SELECT rolcanlogin AND NOT (rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls
                                        OR rolinherit) FROM pg_roles WHERE rolname = %(role)s),
           EXISTS (SELECT FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = %(role)s)),
           EXISTS (SELECT FROM pg_auth_members WHERE member = (SELECT oid FROM pg_roles WHERE rolname = %(role)s))
"""


class Command(BaseCommand):
    help = (
        "Print the SQL that creates the application's own PostgreSQL role with only the rights it needs: it owns "
        "nothing, cannot bypass row-level security and can only add to the audit trail. With --apply, run the SQL. "
        "Needs the DATABASE_URL of the tables' owner (better a superuser). Run it after every `migrate`. The role's "
        "password is taken from DATABASE_APP_PASSWORD and never printed."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", default="praxis_app", help="name of the role (default praxis_app)")
        parser.add_argument("--apply", action="store_true", help="run the SQL instead of printing it")

    def handle(self, *args: Any, **options: Any) -> None:
        if connection.vendor != "postgresql":
            raise CommandError("DATABASE_URL is not a PostgreSQL database; SQLite has no roles.")
        role, self.warnings = options["role"], list[str]()
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                for statement in self._statements(cursor, role, password=options["apply"]):
                    if options["apply"]:
                        cursor.execute(statement)
                    else:
                        self.stdout.write(f"{statement.as_string(cursor.cursor)};")
        except DatabaseError as error:
            raise CommandError(f"PostgreSQL refused, and nothing was changed: {str(error).strip()}") from error
        if options["apply"]:
            self.stdout.write(self.style.SUCCESS(f"The role {role} has exactly the rights it needs."))
        else:
            self.stdout.write(f"-- then set its password in psql: \\password {role}")
        for warning in self.warnings:
            self.stderr.write(self.style.WARNING(warning))

    def _statements(self, cursor: Any, name: str, *, password: bool) -> Iterator[sql.Composed]:
        cursor.execute(FACTS, {"role": name})
        user, database, is_superuser, owner, is_plain, owns, belongs = cursor.fetchone()
        if owner is None:
            raise CommandError("The database has no tables yet: run manage.py migrate first.")
        if owns or belongs or name == user:
            raise CommandError(f"The role {name} owns tables or belongs to another role; choose one that does not.")
        role = sql.Identifier(name)
        yield from self._role(name, is_plain=is_plain, password=password)
        for words in (
            "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}",
            "GRANT USAGE ON SCHEMA public TO {role}",
            "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            *(f"REVOKE {rights} ON {table} FROM {{role}}" for table, rights in self._revoked(cursor)),
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
            " GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
            "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public GRANT USAGE ON SEQUENCES TO {role}",
        ):
            yield sql.SQL(words).format(role=role, owner=sql.Identifier(owner), database=sql.Identifier(database))
        cursor.execute(CAN_READ_AHEAD, {"role": name})
        if cursor.fetchone()[0]:
            yield sql.SQL("ALTER ROLE {role} SET effective_io_concurrency = {pages}").format(
                role=role, pages=sql.Literal(PAGES_AHEAD)
            )
        if is_superuser:
            # otherwise the policy is checked first, and no search can use its index (docs/adr/0006)
            yield sql.SQL("ALTER FUNCTION pg_catalog.arraycontains(anyarray, anyarray) LEAKPROOF").format()
        elif not can_search_use_index(cursor):
            self.warnings.append(
                "Only a superuser can let search use its index under row-level security; until then each search reads "
                "all charts. Run: ALTER FUNCTION pg_catalog.arraycontains(anyarray, anyarray) LEAKPROOF;"
            )

    def _role(self, name: str, *, is_plain: bool | None, password: bool) -> Iterator[sql.Composed]:
        role = sql.Identifier(name)
        if is_plain is None:
            yield sql.SQL(f"CREATE ROLE {{role}} {ATTRIBUTES}").format(role=role)
        elif not is_plain:
            yield sql.SQL(f"ALTER ROLE {{role}} {ATTRIBUTES}").format(role=role)
        if password and settings.DATABASE_APP_PASSWORD:
            verifier = connection.connection.pgconn.encrypt_password(  # not the password itself: the server may log it
                settings.DATABASE_APP_PASSWORD.encode(), name.encode(), b"scram-sha-256"
            )
            yield sql.SQL("ALTER ROLE {role} PASSWORD {verifier}").format(role=role, verifier=verifier.decode())
        elif password and is_plain is None:
            self.warnings.append(f"The role {name} has no password: DATABASE_APP_PASSWORD is not set.")

    def _revoked(self, cursor: Any) -> Iterator[tuple[str, str]]:
        there = set(connection.introspection.table_names(cursor))
        return ((table, rights) for table, rights in REVOKED.items() if table in there)
