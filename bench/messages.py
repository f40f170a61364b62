"""`python -m bench.messages`: how fast reminders are planned, and sent by one worker through the console's provider.

BENCH_VISITS (default 100,000) visits to come are made and kept, which is not measured, and their reminders planned;
4,000 of these are due then and sent, half of them e-mails with a calendar attached and half text messages, which are
printed to nowhere. With BENCH_PATIENTS=2000 the rest of the practice is small.
"""

import logging
import os
import sys
import time
from contextlib import redirect_stdout
from datetime import timedelta
from itertools import cycle
from pathlib import Path

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block

VISITS = int(os.environ.get("BENCH_VISITS", "100000"))
SENT = 4_000
MINUTES = 5


def main():
    parse(__doc__)
    os.environ.update(EMAIL_URL="consolemail://", SMS_URL="console://")
    practice = open_practice()
    from core.tenancy.scope import practice_scope

    logging.getLogger().handlers = [logging.FileHandler("/dev/null")]
    with practice_scope(practice.pk):
        _make_visits()
        _send_at_any_hour()
        rows = [
            _timed("plan reminders", _plan, goal="100,000 in a minute"),
            _timed("send them", _send, goal="200 a second"),
        ]
    header = ["what", "messages", "seconds", "a second", "this process's CPU, s", "goal"]
    notes = [f"{VISITS:,} visits to come, two reminders each; one process"]
    print(block("Reminders", "python -m bench.messages", notes, header, rows))


def _timed(what, function, goal):
    started, cpu = time.perf_counter(), time.process_time()
    number = function()
    seconds = time.perf_counter() - started
    return (
        what,
        f"{number:,}",
        f"{seconds:.1f}",
        f"{number / seconds:,.0f}",
        f"{time.process_time() - cpu:.1f}",
        goal,
    )


def _make_visits():
    from django.utils import timezone

    from accounts.models import User
    from appointments.models import Appointment
    from notifications.models import Message
    from patients.models import Patient

    Message.objects.all().delete()
    missing = VISITS - Appointment.objects.filter(starts_at__gt=timezone.now() + timedelta(days=300)).count()
    doctors = list(User.objects.doctors())
    patients = cycle(Patient.objects.confirmed().values_list("pk", flat=True)[:2_000])
    latest = Appointment.objects.order_by("-ends_at").values_list("ends_at", flat=True).first()
    first, length = max(latest, timezone.now() + timedelta(days=400)), timedelta(minutes=MINUTES)
    visits = (
        Appointment(
            patient_id=next(patients),
            doctor=doctors[number % len(doctors)],
            office_id=doctors[number % len(doctors)].office_id,
            starts_at=first + number // len(doctors) * length,
            ends_at=first + (number // len(doctors) + 1) * length,
            reason="Back pain",
        )
        for number in range(missing)
    )
    while batch := [visit for visit, _ in zip(visits, range(2_000), strict=False)]:
        Appointment.objects.bulk_create(batch)


def _send_at_any_hour():
    from datetime import time as clock

    from notifications.models import MessageSettings

    MessageSettings.objects.all().delete()
    MessageSettings.objects.create(quiet_from=clock(0), quiet_until=clock(0))


def _plan():
    from appointments.messages.planning import plan_missing

    return plan_missing()


def _send():
    from django.utils import timezone

    from notifications.messages.sending import send_due
    from notifications.models import Message, MessageStatus

    waiting = Message.objects.filter(status=MessageStatus.PLANNED).order_by("-id")
    due = list(waiting.values_list("pk", flat=True)[:SENT])
    Message.objects.filter(status=MessageStatus.PLANNED, due_at__lte=timezone.now()).update(status="cancelled")
    Message.objects.filter(pk__in=due).update(due_at=timezone.now())
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        send_due()
    sent = Message.objects.filter(pk__in=due, status=MessageStatus.SENT).count()
    assert sent > 0.9 * len(due)  # some of the demo's patients have opted out
    sys.stdout.flush()
    return sent


if __name__ == "__main__":
    main()
