"""`python -m bench.availability`: how long the free times of forty doctors over two months take to find.

Each request goes through Django's test client in this process, as in bench/search.py. The doctors, their hours and
their visits are added to the practice and taken away again: nothing of them is committed.
"""

import gc
import logging
import random
import statistics
import time
from datetime import UTC, datetime, timedelta
from datetime import time as clock

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block
from bench.search import _signed_in, _timed

DOCTORS, DAYS, BOOKED = 40, 62, 0.6  # the last: the share of a doctor's half hours that is taken
REQUESTS = 30
GOAL = 100  # ms
HALVES = [(clock(9), clock(12)), (clock(13), clock(17))]


def main():
    parse(__doc__)
    practice = open_practice()
    from django.db import transaction

    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]  # formatted as in production, but discarded
    client = _signed_in("staff@example.com")
    gc.freeze()  # as in config/gunicorn.py
    with transaction.atomic():
        with practice_scope(practice.pk):
            doctors = _add_doctors(practice)
            rows = [_measured("no visit yet", client)]
            _book(doctors)
            rows.append(_measured(f"{BOOKED:.0%} booked", client))
        transaction.set_rollback(True)
    notes = [f"{len(doctors)} doctors, {DAYS} days, hours from Monday to Friday with a break at noon"]
    header = ["calendars", "free times", "find p50 ms", "whole answer p50 ms", "p95 ms", "goal p50", "size"]
    print(block("Free times", "python -m bench.availability", notes, header, rows))


def _add_doctors(practice):
    """Return the doctors, all with hours; the demo's are among them, and hold theirs."""
    from accounts.models import User
    from accounts.tests.factories import UserFactory
    from appointments.models import WorkingHours

    start = User.objects.doctors().count()
    added = [UserFactory(practice=practice, role="doctor") for _ in range(DOCTORS - start)]
    WorkingHours.objects.bulk_create(
        WorkingHours(practice=practice, doctor=doctor, weekday=weekday, start=start, end=end)
        for doctor in added
        for weekday in range(5)
        for start, end in HALVES
    )
    return added


def _book(doctors):
    from appointments.models import Appointment
    from patients.models import Patient

    dice, patient = random.Random(1), Patient.objects.first()
    first = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [first + timedelta(days=day, minutes=30 * half) for day in range(DAYS + 1) for half in range(48)]
    visits = [
        Appointment(
            practice_id=doctor.practice_id,
            patient=patient,
            doctor=doctor,
            reason="-",
            starts_at=start,
            ends_at=start + timedelta(minutes=30),
        )
        for doctor in doctors
        for start in starts
        if 13 <= start.hour < 22 and start.weekday() < 5 and dice.random() < BOOKED
    ]
    Appointment.objects.bulk_create(visits)


def _measured(name, client):
    from accounts.models import User
    from appointments.schedule import availability

    start = datetime.now(UTC)
    end = start + timedelta(days=DAYS)
    by = User.all_practices.with_email("staff@example.com")
    finding = []
    for _ in range(REQUESTS):
        started = time.perf_counter()
        slots = availability.find_slots(by=by, start=start, end=end)
        finding.append((time.perf_counter() - started) * 1000)
    query = {"from": f"{start:%Y-%m-%dT%H:%M:%SZ}", "to": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
    size = len(client.get("/api/availability", query).content)
    whole = [_timed(client, "/api/availability", query) for _ in range(REQUESTS)]
    p95 = statistics.quantiles(whole, n=20)[-1]
    figures = (f"{figure:.0f}" for figure in (statistics.median(finding), statistics.median(whole), p95))
    return (name, f"{len(slots):,}", *figures, GOAL, f"{size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
