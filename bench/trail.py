"""`python -m bench.trail`: writing, sealing, checking and exporting a trail of BENCH_EVENTS (default 1,000,000), on
PostgreSQL (BENCH_TRAIL_DATABASE_URL, default postgresql://postgres@127.0.0.1/praxis_bench_trail) and on SQLite.

Each database is created for the run and dropped afterwards. Three of four events name one patient, the fourth names
ten, like a list. The commands run in their own processes; time and peak memory are the system's figures.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg

from bench.arguments import parse
from bench.clinic import ENVIRONMENT

EVENTS = int(os.environ.get("BENCH_EVENTS", "1000000"))
POSTGRESQL = os.environ.get("BENCH_TRAIL_DATABASE_URL", "postgresql://postgres@127.0.0.1/praxis_bench_trail")
PRACTICES, PATIENTS = 4, 20_000
MEASURED, BATCH = 2_000, 20_000


def main():
    if parse(__doc__, fill="only fill the database of DATABASE_URL, as the bench does in a process of its own").fill:
        fill()
        return
    with tempfile.TemporaryDirectory() as directory:
        rows = list(measure("SQLite", f"sqlite:///{directory}/trail.sqlite3", Path(directory)))
        remake_database()
        try:
            rows += measure("PostgreSQL", POSTGRESQL, Path(directory))
        finally:
            drop_database()
    print("| database | what | seconds | of its CPU | a second | greatest memory, MB |\n|---|---|---:|---:|---:|---:|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def measure(name, url, directory):
    environment = {**os.environ, **ENVIRONMENT, "DATABASE_URL": url, "REDIS_URL": ""}
    export = directory / f"{name}.jsonl"
    manage = [sys.executable, "manage.py"]
    run([*manage, "migrate", "--verbosity", "0"], environment)
    output = run([sys.executable, "-m", "bench.trail", "--fill"], environment)[-1]
    print(f"{name}: {output}", file=sys.stderr)
    for what, command in (
        ("seal", [*manage, "audit_seal"]),
        ("verify", [*manage, "audit_verify"]),
        ("export", [*manage, "audit_export", "--output", str(export)]),
        (
            "verify_export.py",
            [sys.executable, "audit/seals/verify_export.py", str(export), "--keys-from-env", "AUDIT_KEYS"],
        ),
    ):
        seconds, cpu, memory, output = run(command, environment)
        print(f"{name} {what}: {seconds:.1f} s, {cpu:.1f} of CPU, {memory:.0f} MB: {output}", file=sys.stderr)
        yield name, what, f"{seconds:.1f}", f"{cpu:.1f}", f"{EVENTS / seconds:,.0f}", f"{memory:.0f}"


def run(command, environment):
    """Run a command; return its seconds, CPU seconds, peak memory in MB, and output."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read().strip()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (command, output)
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output


def fill():
    """Write the first MEASURED events like requests, each in its own transaction, and the others in bulk."""
    import django

    django.setup()
    from django.db import connection, transaction

    from audit import log
    from audit.context import by_command
    from audit.events import AuditEvent
    from core.tenancy.scope import installation_scope

    by_command("bench")
    dice = random.Random(1)
    practices = [UUID(int=number) for number in range(1, PRACTICES + 1)]
    patients = [UUID(int=dice.getrandbits(128)) for _ in range(PATIENTS)]

    def write(number):
        is_list = number // PRACTICES % 4 == 0
        named = dice.sample(patients, 10) if is_list else [dice.choice(patients)]
        kind = AuditEvent.CHARTS_LISTED if is_list else AuditEvent.CHART_READ
        log.record(kind, practice_id=practices[number % PRACTICES], patients=named, user_id=patients[0], count=1)

    def timed(number):
        with transaction.atomic():
            write(-1)  # so that the transaction is open
            started = time.perf_counter()
            write(number)
            return (time.perf_counter() - started) * 1e6

    with installation_scope():
        one, ten = ([timed(number) for _ in range(MEASURED // 4)] for number in (PRACTICES, 0))
        collected = []
        log._insert = lambda **columns: collected.append(trail_values(columns))
        for start in range(0, EVENTS - MEASURED, BATCH):
            for number in range(start, min(start + BATCH, EVENTS - MEASURED)):
                write(number)
            with transaction.atomic(), connection.cursor() as cursor:
                insert_all(connection, cursor, collected)
            collected.clear()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(
        f"writing an event in an open transaction, median: {statistics.median(one):.0f} µs of one patient, "
        f"{statistics.median(ten):.0f} µs of ten"
    )


def trail_values(columns):
    from audit import keys
    from audit.models import COVERED, canonical

    covered = tuple(columns[name] for name in COVERED)
    return (*covered, keys.mac(canonical(covered), key_id=columns["key_id"], purpose="event"))


def insert_all(connection, cursor, rows):
    """Insert all rows. On PostgreSQL the trigger's work is done in one statement: COPY would call it a million
    times."""
    from audit import log
    from audit.models import COVERED

    if connection.vendor == "sqlite":
        cursor.executemany(log._statement(), [list(log._prepared(row)) for row in rows])
        return
    cursor.execute("SET LOCAL session_replication_role = replica")
    with cursor.copy(f"COPY audit_event ({', '.join(COVERED)}, mac) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    ids = [row[0] for row in rows]
    cursor.execute("INSERT INTO audit_unsealed SELECT id, practice_id FROM audit_event WHERE id = ANY(%s)", [ids])
    cursor.execute(
        "INSERT INTO audit_subject (practice_id, patient_id, event_id) SELECT practice_id, patient::uuid, id "
        "FROM audit_event, jsonb_array_elements_text(patients::jsonb) AS patient WHERE id = ANY(%s)",
        [ids],
    )


def remake_database():
    drop_database()
    with maintenance() as connection:
        connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(database()))


def drop_database():
    with maintenance() as connection:
        connection.execute(psycopg.sql.SQL("DROP DATABASE IF EXISTS {}").format(database()))


def database():
    return psycopg.sql.Identifier(urlsplit(POSTGRESQL).path.lstrip("/"))


def maintenance():
    return psycopg.connect(urlsplit(POSTGRESQL)._replace(path="/postgres").geturl(), autocommit=True)


if __name__ == "__main__":
    main()
