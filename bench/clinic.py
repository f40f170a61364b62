"""The benchmarked practice: a PostgreSQL database of its own, seeded once and reused.

BENCH_DATABASE_URL (default postgresql://postgres@127.0.0.1/praxis_bench), BENCH_REDIS_URL (default
redis://127.0.0.1:6379/8, emptied before a run) and BENCH_PATIENTS (default 1,000,000) set where and how many. It is
seeded as the database's owner and measured as the application's role, under row-level security.
"""

import os
import secrets
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

DATABASE_URL = os.environ.get("BENCH_DATABASE_URL", "postgresql://postgres@127.0.0.1/praxis_bench")
REDIS_URL = os.environ.get("BENCH_REDIS_URL", "redis://127.0.0.1:6379/8")
PATIENTS = int(os.environ.get("BENCH_PATIENTS", "1000000"))
APPOINTMENTS, RECORDS = PATIENTS // 2, PATIENTS // 5
PASSWORD = "Passw0rd!"
ROLE = "praxis_bench_app"
AS_ROLE = (
    # libpq's options: as in the settings, and as setup_database_roles gives it to the role
    f"-c role={ROLE} -c jit=off -c gin_pending_list_limit=256 -c effective_io_concurrency=100"
)
ENVIRONMENT = {
    "ENV_FILE": "",
    "DEBUG": "false",
    "HTTPS_ONLY": "false",
    "WORKFORCE_PASSWORD_MIN_LENGTH": "8",
    "DATABASE_URL": DATABASE_URL,
    "REDIS_URL": REDIS_URL,
    # Fixed, because the database is reused. It holds only generated data.
    "SECRET_KEY": "bench-0123456789-abcdefghijklmnopqrstuvwxyz",
    "SEARCH_INDEX_KEY": "bench-zyxwvutsrqponmlkjihgfedcba-9876543210",
    "FIELD_ENCRYPTION_KEYS": "1:MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    "AUDIT_KEYS": "1:dnV0c3JxcG9ubWxramloZ2ZlZGNiYTk4NzY1NDMyMTA=",
    "FILES_DIR": str(Path(tempfile.gettempdir(), "praxis-bench-files")),  # outside of this checkout
    "ALLOWED_HOSTS": "testserver,127.0.0.1",
    # Calls are counted, but the limit is never reached.
    "RATE_LIMIT_PER_MINUTE": "100000000",
    "ANON_RATE_LIMIT_PER_MINUTE": "100000000",
    "DJANGO_SETTINGS_MODULE": "config.settings",
}


def open_practice(*, as_owner=False, events=0):
    """Set up Django on the benchmark's database, seed what is missing, print the rate, and return the practice, whose
    trail has at least so many events."""
    os.environ.update(ENVIRONMENT)
    ensure_database(DATABASE_URL)
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from audit.context import by_command
    from bench.trail_rows import fill
    from core.cache import redis_client
    from core.tenancy.scope import practice_scope
    from demo.clinic import ensure_demo

    by_command("bench")
    redis_client.client().flushdb()
    call_command("migrate", verbosity=0)
    practice, _ = ensure_demo(password=PASSWORD)
    missing = {}
    with practice_scope(practice.pk):
        for kind, (model, wanted) in _wanted().items():
            missing[kind] = max(0, wanted - model.objects.count())
    for kind, amount in missing.items():
        if amount:
            started = time.perf_counter()
            # a new random seed, or an interrupted run's people would be created again
            call_command("seed", password=PASSWORD, random_seed=secrets.randbelow(10**9), **{kind: amount})
            print(f"{amount / (time.perf_counter() - started):,.0f} {kind} a second", file=sys.stderr)
    with practice_scope(practice.pk):  # without triggers, which only the owner may
        is_filled = events > 0 and fill(practice.pk, events=events)
    if any(missing.values()) or is_filled:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    call_command("setup_database_roles", role=ROLE, apply=True, stdout=sys.stderr)
    if not as_owner:
        _become_application(connection)
    return practice


def _become_application(connection):
    connection.settings_dict["OPTIONS"]["options"] = AS_ROLE
    connection.close()
    connection.close_pool()


def _wanted():
    from appointments.models import Appointment
    from patients.models import Patient
    from records.models import MedicalRecord

    return {
        "patients": (Patient, PATIENTS),
        "appointments": (Appointment, APPOINTMENTS),
        "records": (MedicalRecord, RECORDS),
    }


def drop_database(url):
    name = psycopg.sql.Identifier(urlsplit(url).path.lstrip("/"))
    with maintenance(url) as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def maintenance(url):
    return psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True)


def ensure_database(url):
    name = urlsplit(url).path.lstrip("/")
    with maintenance(url) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
