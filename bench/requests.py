"""`python -m bench.requests`: what each request takes: p50, p95, queries, Python calls and the processor's time.

Each request goes through Django's test client in this process, as in bench/search.py. The processor's time is this
process's own, without PostgreSQL and Redis, and hardly depends on what else the machine does.
"""

import cProfile
import logging
import pstats
import random
import statistics
import time
from datetime import timedelta

from bench.arguments import parse
from bench.clinic import PASSWORD, open_practice
from bench.report import block
from bench.search import _signed_in, _totals

CALLS, WARM_UP, PROFILED = 200, 12, 20
CLERK, DOCTOR, SITE = "staff@example.com", "doctor@example.com", "admin@example.com"


def main():
    parse(__doc__)
    practice = open_practice()
    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    with practice_scope(practice.pk):
        cases = list(_cases())
        totals = _totals()
    clients = {CLERK: _signed_in(CLERK), DOCTOR: _signed_in(DOCTOR), SITE: _on_the_site(SITE)}
    rows = [(name, *_measured(clients[who], addresses)) for name, who, addresses in cases]
    notes = [totals, "server-side: Django's test client in this process (no socket)", f"{CALLS} requests each"]
    header = ["request", "p50 ms", "p95 ms", "queries", "Python calls", "CPU ms"]
    print(block("What each request takes", "python -m bench.requests", notes, header, rows))


def _cases():
    """Yield the name of each request, who sends it, and its addresses."""
    from django.utils import timezone

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
