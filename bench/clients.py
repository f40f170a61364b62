"""`python -m bench.clients`: what bearer clients and the registrations desk cost, in a practice of a million charts.

Uses Django's test client in this process, like `python -m bench.search`. Each refresh uses the token of the previous
one; the registrations have the names, with a typo, and phones of existing charts.
"""

import logging
import random
import statistics
import time

from bench.arguments import parse
from bench.clinic import PASSWORD, open_practice
from bench.report import block
from bench.search import _totals

CALLS, SIGN_INS, REGISTRATIONS = 500, 20, 10


def main():
    parse(__doc__)
    practice = open_practice()
    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]  # formatted as in production, but discarded
    with practice_scope(practice.pk):
        _register_ten(practice)
        notes = [_totals(), "server-side: Django's test client in this process"]
    rows = []
    for name, send, times in _cases():
        milliseconds = sorted(_timed(send) for _ in range(times))
        p95 = statistics.quantiles(milliseconds, n=20)[-1]
        rows.append((name, f"{statistics.median(milliseconds):.1f}", f"{p95:.1f}", times))
    header = ["request", "p50 ms", "p95 ms", "requests"]
    print(block("Bearer clients and the registrations desk", "python -m bench.clients", notes, header, rows))


def _timed(send):
    started = time.perf_counter()
    answer = send()
    elapsed = (time.perf_counter() - started) * 1000
    assert answer.status_code == 200, answer.content
    return elapsed


def _cases():
    from django.test import Client

    browser, app = Client(), Client()
    credentials = {"email": "staff@example.com", "password": PASSWORD}
    browser.post("/api/auth/login", credentials, content_type="application/json")
    tokens = app.post("/auth/login", credentials, content_type="application/json").json()

    def post(path, body):
        return app.post(path, body, content_type="application/json")

    def refresh():
        answer = post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})
        tokens.update(answer.json())
        return answer

    def as_app():
        return app.get("/api/v1/users/me", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    return [
        ("/api/users/me by cookie", lambda: browser.get("/api/users/me"), CALLS),
        ("/api/v1/users/me by bearer token", as_app, CALLS),
        ("/auth/refresh", refresh, CALLS),
        ("/auth/login (bcrypt, cost 12)", lambda: post("/auth/login", credentials), SIGN_INS),
        (f"/api/registrations, {REGISTRATIONS} and their matches", lambda: browser.get("/api/registrations"), 50),
        ("/api/users/me/sessions", lambda: browser.get("/api/users/me/sessions"), CALLS),
    ]


def _register_ten(practice):
    """Register patients until ten are pending, each similar to an existing chart."""
    from patients.models import Patient
    from patients.registrations.register import register_patient

    dice = random.Random()
    sampled = list(
        Patient.objects.raw("SELECT id, name, phone FROM patients_patient TABLESAMPLE SYSTEM (1) LIMIT 2000")
    )
    while Patient.objects.pending().count() < REGISTRATIONS:
        like = dice.choice(sampled)
        register_patient(
            name=f"{like.name}n",
            phone=like.phone,
            email=f"registered{dice.randrange(10**9)}@example.com",
            password=PASSWORD,
            join_code="",
            home=practice.pk,
        )


if __name__ == "__main__":
    main()
