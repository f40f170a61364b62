"""`python -m bench.search`: how long the server takes to find a chart among a million.

Each request goes through Django's test client in this process: every middleware, the session, the rate limit, the
views, the database and the JSON, but no socket. Signed in as the front desk.
"""

import logging
import random
import statistics
import time

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block

WARM_UP = 5
DAY_ROWS = 100


def main():
    parse(__doc__)
    practice = open_practice()
    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]  # formatted as in production, but discarded
    client = _signed_in("staff@example.com")
    with practice_scope(practice.pk):
        cases = _cases(practice)
        totals = _totals()
    rows = []
    for name, requests, goal in cases:
        answers = [client.get(path, query) for path, query in requests[:WARM_UP]]
        milliseconds = sorted(_timed(client, path, query) for path, query in requests)
        hits = answers[0].json().get("total", 1)
        p95 = statistics.quantiles(milliseconds, n=20)[-1]
        rows.append((name, f"{hits:,}", f"{statistics.median(milliseconds):.1f}", f"{p95:.1f}", goal, len(requests)))
    notes = [
        totals,
        "server-side: Django's test client in this process (middleware, session, limit, SQL, JSON; no socket)",
    ]
    header = ["request", "hits of the first", "p50 ms", "p95 ms", "goal p95", "requests"]
    print(block("Finding a chart among a million", "python -m bench.search", notes, header, rows))


def _signed_in(email):
    from django.test import Client, RequestFactory

    from accounts.models import User
    from accounts.sessions import cookies
    from accounts.sessions import services as sessions
    from accounts.sessions.tokens import TokenType, issue

    client = Client()
    request = RequestFactory().post("/api/auth/login")
    session = sessions.begin(user=User.all_practices.with_email(email), request=request)
    client.cookies[cookies.ACCESS_COOKIE] = issue(session, TokenType.ACCESS)
    return client


def _timed(client, path, query):
    started = time.perf_counter()
    answer = client.get(path, query)
    elapsed = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, (path, answer.status_code)
    return elapsed


def _cases(practice):
    """Return the name, the requests (path and query) and the goal of each measurement."""
    from appointments.models import Appointment
    from demo.people import FREQUENT, SURNAMES
    from patients.models import Patient

    dice = random.Random(1)
    sampled = list(
        Patient.objects.raw("SELECT id, name FROM patients_patient TABLESAMPLE SYSTEM (2) REPEATABLE (1) LIMIT 20000")
    )
    chart_ids = [chart.pk for chart in dice.sample(sampled, min(500, len(sampled)))]
    usual = set(SURNAMES)
    rare = [name for chart in sampled if (name := chart.name.split()[-1]) not in usual and "-" not in name]
    both = [chart.name for chart in dice.sample(sampled, min(200, len(sampled)))]
    days = list(Appointment.objects.order_by("starts_at").values_list("starts_at", flat=True)[::5000])
    pages = [("/api/patients", {"page": 1000})] * 200
    return [
        ("chart by id", [(f"/api/patients/{pk}", {}) for pk in chart_ids], 10),
        ("first page of 10", [("/api/patients", {})] * 200, 25),
        ("page 1,000", pages, 25),
        ("rare surname", [("/api/patients", {"search": name}) for name in rare[:200]], 25),
        ("first name and surname", [("/api/patients", {"search": name}) for name in both], "-"),
        ("surname: Smith", [("/api/patients", {"search": FREQUENT[0]})] * 50, 150),
        ("20 most frequent surnames", [("/api/patients", {"search": name}) for name in FREQUENT[:20] * 3], 150),
        (
            f"a day's appointments, {DAY_ROWS} rows",
            [
                ("/api/appointments", {"date": f"{day.astimezone(practice.tzinfo):%Y-%m-%d}", "limit": DAY_ROWS})
                for day in days
            ],
            "-",
        ),
    ]


def _totals():
    from appointments.models import Appointment
    from patients.models import Patient
    from records.models import MedicalRecord

    counted = {model._meta.verbose_name: model.objects.count() for model in (Patient, Appointment, MedicalRecord)}
    return "one practice: " + ", ".join(f"{amount:,} {name}s" for name, amount in counted.items())


if __name__ == "__main__":
    main()
