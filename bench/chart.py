"""`python -m bench.chart`: opening a chart with 500 notes, 200 files, 100 visits, 50 records and 300 measures:
processor's time, queries, size.

The requests go through Django's test client in this process, and the time is this process's own, without PostgreSQL and
Redis; p95 is of wall time, with them. The entries are made in a transaction that is never committed.
"""

import logging
import time
from datetime import timedelta

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block
from bench.requests import _on_the_site

NOTES, FILES, VISITS, RECORDS, MEASURES, CALLS = 500, 200, 100, 50, 300, 60
DOCTOR = "doctor@example.com"
TEXT = "Low back pain for three days, worse in the morning and after sitting. " * 6


def main():
    parse(__doc__)
    practice = open_practice()
    from django.db import transaction

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    client = _on_the_site(DOCTOR)
    with transaction.atomic():
        address = _fill(practice)
        pages = {
            "chart": lambda: client.get(address),
            "notes": lambda: client.get(address, {"show": "notes"}),
            "search": lambda: client.post(f"{address}search/", {"query": "sitting morning"}),
            "files": lambda: client.get(f"{address}files/"),
            "measures": lambda: client.get(f"{address}measures/"),
            "new note": lambda: client.get(f"/notes/new/{address.split('/')[2]}/"),
            "my day": lambda: client.get("/my-day/"),
        }
        rows = [(name, *_measured(ask)) for name, ask in pages.items()]
        transaction.set_rollback(True)
    notes = [
        f"{NOTES} notes, {FILES} files, {VISITS} visits, {RECORDS} records, {MEASURES} measures",
        f"of {CALLS} calls each",
    ]
    columns = ["page", "CPU ms, best", "CPU ms, p95", "wall ms, best", "wall ms, p95", "queries", "kB"]
    print(block("The chart", "python -m bench.chart", notes, columns, rows))


def _fill(practice):
    from django.utils import timezone

    from accounts.models import User
    from appointments.models import Appointment
    from core.tenancy.scope import practice_scope
    from patients.models import Patient
    from records.models import Attachment, BodyChart, Measure, MedicalRecord, PlanOfCare, SessionNote
    from records.models.attachment import FileState, MediaType

    now = timezone.now()
    with practice_scope(practice.pk):
        doctor = User.objects.doctors().order_by("id").first()
        chart = Patient(name="Bench Patient", phone="(212) 555-0199", allergies="Penicillin")
        chart.save()
        whose = {"patient": chart, "doctor": doctor}
        texts = dict.fromkeys(("subjective", "objective", "assessment", "plan"), TEXT)
        finalised = {"status": "finalised", "finalised_at": now}
        for number in range(NOTES):
            SessionNote(**whose, **texts, **finalised, date=now - timedelta(hours=30 * number)).save(force_insert=True)
        for number in range(RECORDS):
            MedicalRecord(**whose, diagnosis=TEXT, date=now - timedelta(days=9 * number)).save(force_insert=True)
        for number in range(VISITS):
            start = now - timedelta(days=5 * number, hours=number % 7)
            end = start + timedelta(minutes=20)
            visit = Appointment(**whose, reason="Follow-up", status="completed", starts_at=start, ends_at=end)
            visit.save(force_insert=True)
        kinds = [("pain", "of_10"), ("weight", "lb"), ("pulse", "per_min")]
        for number in range(MEASURES):
            kind, unit = kinds[number % 3]
            reading = {"value": str(number % 9 + 1), "unit": unit}
            at = now - timedelta(days=number)
            Measure(**whose, kind=kind, reading=reading, measured_at=at).save(force_insert=True)
        marks = [{"region": "back.lower_back", "sensation": "pain", "level": 7}]
        BodyChart(**whose, marks={"marks": marks}).save(force_insert=True)
        PlanOfCare(**whose, title="Back to work", starts_on=now.date(), planned_visits=12).save(force_insert=True)
        for number in range(FILES):
            file = Attachment(patient=chart, uploaded_by=doctor, name=f"picture-{number}.jpg", size=200_000)
            file.media_type, file.state, file.storage_name = MediaType.JPEG, FileState.READY, f"bench-{number}"
            file.data_key = b"none"
            file.save(force_insert=True)
    return f"/patients/{chart.pk}/"


def _measured(ask):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    ask()
    with CaptureQueriesContext(connection) as queries:
        page = ask()
    number = len(queries.captured_queries)  # before the next request forgets them
    cpu, wall = [], []
    for _ in range(CALLS):
        began, at = time.process_time(), time.perf_counter()
        assert ask().status_code == 200
        cpu.append(time.process_time() - began)
        wall.append(time.perf_counter() - at)
    shown = (min(cpu), _p95(cpu), min(wall), _p95(wall))
    return *(f"{seconds * 1000:.0f}" for seconds in shown), number, f"{len(page.content) / 1000:,.0f}"


def _p95(taken):
    return sorted(taken)[int(len(taken) * 0.95)]


if __name__ == "__main__":
    main()
