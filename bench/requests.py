"""`python -m bench.requests [--growing [--events N]]`: each request's p50, p95, queries, Python calls and CPU.

Each request goes through Django's test client in this process, as in bench/search.py. The processor's time is this
process's own, without PostgreSQL and Redis, and hardly depends on what else the machine does. BENCH_CALLS (200) sets
how often each is asked.

`--growing` asks the databases of BENCH_GROWING in turn, each in a process of its own, and prints one table of all
sizes: NAME=CHARTS, by default growing_10k=10000 growing_100k=100000 praxis_bench=1000000, on the server of
BENCH_DATABASE_URL. Those that are not there are seeded, which takes some minutes. With `--events 10000000` the trail of
the last one is filled to that many events first, as by bench.trail_reading; they are kept.
"""

import cProfile
import gc
import logging
import multiprocessing
import os
import pstats
import random
import statistics
import time
from datetime import timedelta
from urllib.parse import urlsplit

from bench.arguments import parse
from bench.clinic import DATABASE_URL, ENVIRONMENT, PASSWORD, open_practice
from bench.report import block
from bench.search import _signed_in, _totals

CALLS, WARM_UP, PROFILED = int(os.environ.get("BENCH_CALLS", "200")), 12, 20
GROWING = os.environ.get("BENCH_GROWING", "growing_10k=10000 growing_100k=100000 praxis_bench=1000000")
SIDE = "server-side: Django's test client in this process (no socket)"
CLERK, DOCTOR, SITE = "staff@example.com", "doctor@example.com", "admin@example.com"


def main():
    growing, events = "ask the databases of BENCH_GROWING, and print one table of all sizes", "events in the last trail"
    arguments = parse(__doc__, growing=growing, numbers={"events": events})
    if arguments.growing:
        _print_growing(arguments.events or 0)
        return
    rows, totals = _rows()
    notes = [totals, SIDE, f"{CALLS} requests each"]
    header = ["request", "p50 ms", "p95 ms", "queries", "Python calls", "CPU ms"]
    print(block("What each request takes", "python -m bench.requests", notes, header, rows))


def _rows(events=0):
    """Return a row for each request, and how many rows the practice has, with at least so many events in its trail."""
    practice = open_practice(events=events)
    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    with practice_scope(practice.pk):
        cases = list(_cases())
        totals = _totals()
    clients = {CLERK: _signed_in(CLERK), DOCTOR: _signed_in(DOCTOR), SITE: _on_the_site(SITE)}
    gc.collect()
    gc.freeze()  # as in config/gunicorn.py
    return [(name, *_measured(clients[who], addresses)) for name, who, addresses in cases], totals


def _print_growing(events):
    sizes, found, notes = [], [], []
    words = GROWING.split()
    for word in words:
        name, _, charts = word.partition("=")
        address = urlsplit(DATABASE_URL)._replace(path=f"/{name}").geturl()
        os.environ.update(BENCH_DATABASE_URL=address, BENCH_PATIENTS=charts)  # read by bench.clinic in the process
        with multiprocessing.get_context("spawn").Pool(1) as process:
            rows, totals = process.apply(_rows, (events if word == words[-1] else 0,))
        sizes.append(f"{int(charts):,}")
        found.append(rows)
        notes.append(f"{name}: {totals}")
    os.environ.update(ENVIRONMENT)
    import django

    django.setup()  # for the versions
    measures = {"p50 ms": 1, "p95 ms": 2, "queries": 3, "CPU ms": 5}
    header = ["request", *(f"{measure}, {' / '.join(sizes)}" for measure in measures)]
    table = [
        (same[0][0], *(" / ".join(str(row[at]) for row in same) for at in measures.values()))
        for same in zip(*found, strict=True)
    ]
    notes += [SIDE, f"{CALLS} requests each", *([f"{events:,} events in the last trail"] if events else [])]
    print(block("Growing", "python -m bench.requests --growing", notes, header, table))


def _cases():
    """Yield the name of each request, who sends it, and its addresses."""
    from django.utils import timezone

    from demo.people import FREQUENT
    from patients.models import Patient
    from records.models import MedicalRecord

    dice = random.Random(3)
    charts = list(Patient.objects.confirmed().newest_first()[:500])
    ids = [chart.pk for chart in charts]
    with_records = list(MedicalRecord.objects.latest_first().values_list("patient_id", flat=True)[:300])
    days = [timezone.localdate() - timedelta(days=day) for day in range(1, 29)]
    rare = [chart.name for chart in dice.sample(charts, 100)]
    pages = range(1, 51)
    yield "me", CLERK, ["/api/users/me"]
    yield "a chart", CLERK, [f"/api/patients/{pk}" for pk in ids]
    yield "page of charts", CLERK, [f"/api/patients?page={page}" for page in pages]
    yield "first name and surname", CLERK, [f"/api/patients?search={name}" for name in rare]
    yield "a common surname", CLERK, [f"/api/patients?search={name}" for name in FREQUENT[:20]]
    yield "page of appointments", CLERK, [f"/api/appointments?page={page}" for page in pages]
    yield "a day", CLERK, [f"/api/appointments?date={day}&limit=100" for day in days]
    yield "records of a patient", DOCTOR, [f"/api/records?patientId={pk}" for pk in with_records]
    yield "page of records", DOCTOR, [f"/api/records?page={page}" for page in pages]
    yield "page of notes", DOCTOR, [f"/api/sessions?page={page}" for page in pages]
    yield "page of plans", DOCTOR, ["/api/plans"]
    yield "dashboard", CLERK, ["/api/dashboard/stats"]
    yield "site: Today", SITE, ["/admin/"]
    yield "site: a chart", SITE, [f"/admin/patients/patient/{pk}/change/" for pk in ids]
    yield "site: appointments", SITE, ["/admin/appointments/appointment/"]
    yield "site: patient search", SITE, [f"/admin/patients/patient/?q={name}" for name in rare]
    yield "numbers", SITE, ["/numbers/"]


def _measured(client, addresses):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def asked(number, start=0):
        for place in range(start, start + number):
            answer = client.get(addresses[place % len(addresses)])
            assert answer.status_code == 200, (answer.status_code, answer.content[:300])

    asked(WARM_UP)
    with CaptureQueriesContext(connection) as queries:
        asked(1, start=WARM_UP)
    number = len(queries.captured_queries)  # before the next request forgets them
    profile = cProfile.Profile()
    profile.runcall(asked, PROFILED)
    milliseconds, before = [], time.process_time()
    for place in range(CALLS):
        started = time.perf_counter()
        asked(1, start=place)
        milliseconds.append((time.perf_counter() - started) * 1000)
    cpu = (time.process_time() - before) * 1000 / CALLS
    p95 = statistics.quantiles(milliseconds, n=20)[-1]
    calls = pstats.Stats(profile).total_calls / PROFILED
    return f"{statistics.median(milliseconds):.1f}", f"{p95:.1f}", number, f"{calls:,.0f}", f"{cpu:.2f}"


def _on_the_site(email):
    from django.test import Client

    client = Client()
    answer = client.post("/?next=/admin/", {"username": email, "password": PASSWORD})
    assert answer.status_code == 302, answer.status_code
    return client


if __name__ == "__main__":
    main()
