"""`python -m bench.seeding`: rows a second of `manage.py seed` into a fresh PostgreSQL: charts, appointments, records.

It makes a database of its own beside BENCH_DATABASE_URL's (`…_seeding`, dropped before and after) and adds 10,000,
20,000 and 10,000 rows; BENCH_PATIENTS charts are there before them, none by default. Nothing waits for autovacuum. The
processor's time is this process's and that of its PostgreSQL backend, which hardly depend on what else runs.
"""

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench import clinic
from bench.arguments import parse
from bench.report import block

BEFORE = int(os.environ.get("BENCH_PATIENTS", "0"))
ADDED = {"patients": 10_000, "appointments": 20_000, "records": 10_000}
GOAL = 5_000  # rows a second of each kind
TICKS = os.sysconf("SC_CLK_TCK")


def main():
    parse(__doc__)
    address = urlsplit(clinic.DATABASE_URL)
    own = address._replace(path=f"{address.path}_seeding").geturl()
    clinic.drop_database(own)
    os.environ.update(clinic.ENVIRONMENT, DATABASE_URL=own)
    clinic.ensure_database(own)
    import django

    django.setup()
    try:
        rows = _measured()
        notes = [f"{BEFORE:,} charts before, and half and a fifth as many appointments and records"]
        header = ["rows", "a second", "goal", "Python's CPU µs a row", "PostgreSQL's", "rows a second of their CPU"]
        print(block("Seeding", "python -m bench.seeding", notes, header, rows))
    finally:
        from django.db import connection

        connection.close()
        connection.close_pool()
        clinic.drop_database(own)


def _measured():
    from django.core.management import call_command
    from django.db import connection

    from audit.context import by_command

    by_command("bench")
    call_command("migrate", verbosity=0)
    call_command("seed", password=clinic.PASSWORD, random_seed=2)
    for kind, share in (("patients", 1), ("appointments", 2), ("records", 5)):
        if amount := BEFORE // share:
            call_command("seed", password=clinic.PASSWORD, random_seed=2, **{kind: amount})
    rows = []
    for kind, amount in ADDED.items():
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend = cursor.fetchone()[0]
        wall, python, database = time.perf_counter(), time.process_time(), _processor_time(backend)
        call_command("seed", password=clinic.PASSWORD, random_seed=1, **{kind: amount})
        wall, python = time.perf_counter() - wall, time.process_time() - python
        database = _processor_time(backend) - database
        each = [f"{seconds / amount * 1e6:.0f}" for seconds in (python, database)]
        rows.append(
            (f"{amount:,} {kind}", f"{amount / wall:,.0f}", f"{GOAL:,}", *each, f"{amount / (python + database):,.0f}")
        )
    return rows


def _processor_time(pid):
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / TICKS


if __name__ == "__main__":
    main()
