"""`python -m bench.calendar`: the calendar's day of 20 doctors with 30 visits each: processor's time, queries, size.

The requests go through Django's test client in this process, and the time is this process's own, without PostgreSQL and
Redis. The doctors and visits are made in a transaction that is never committed.
"""

import logging
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block
from bench.requests import _on_the_site

DOCTORS, VISITS, CALLS = 20, 30, 5
DAY = datetime(2030, 1, 7, 14, tzinfo=UTC)  # a Monday at nine in New York
MINUTES = 15
CLERK = "staff@example.com"


def main():
    parse(__doc__)
    practice = open_practice()
    from django.db import transaction

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    client = _on_the_site(CLERK)
    with transaction.atomic():
        _fill(practice)
        views = {"day": {"view": "day"}, "list": {"view": "list"}}
        rows = [(name, *_measured(client, {"day": DAY.date(), **asked})) for name, asked in views.items()]
        transaction.set_rollback(True)
    notes = [f"{DOCTORS} doctors with {VISITS} visits each", f"best of {CALLS}"]
    print(block("The calendar", "python -m bench.calendar", notes, ["view", "CPU ms", "queries", "kB"], rows))


def _fill(practice):
    from accounts.models import User
    from accounts.roles import Role
    from appointments.models import Appointment, AppointmentType, WorkingHours
    from core.tenancy.scope import practice_scope
    from patients.models import Patient

    with practice_scope(practice.pk):
        charts = list(Patient.objects.confirmed().newest_first()[: DOCTORS * VISITS])
        types = list(AppointmentType.objects.all())
        for number in range(DOCTORS):
            name, email = f"Dr. Bench {number}", f"bench-{number}@example.com"
            doctor = User(email=email, name=name, role=Role.DOCTOR, practice=practice)
            doctor.save()
            WorkingHours(doctor=doctor, weekday=0, start=clock(9), end=clock(17)).save()
            for place in range(VISITS):
                start = DAY + timedelta(minutes=MINUTES * place)
                Appointment(
                    patient=charts[(number * VISITS + place) % len(charts)],
                    doctor=doctor,
                    type=types[place % len(types)],
                    starts_at=start,
                    ends_at=start + timedelta(minutes=MINUTES),
                    confirmed_at=None if place % 3 else start - timedelta(days=1),
                    reason="Follow-up",
                ).save(force_insert=True)


def _measured(client, asked):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    taken = []
    client.get("/calendar/", asked)
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/calendar/", asked)
    number = len(queries.captured_queries)  # before the next request forgets them
    for _ in range(CALLS):
        before = time.process_time()
        assert client.get("/calendar/", asked).status_code == 200
        taken.append(time.process_time() - before)
    return f"{min(taken) * 1000:.0f}", number, f"{len(page.content) / 1000:,.0f}"


if __name__ == "__main__":
    main()
