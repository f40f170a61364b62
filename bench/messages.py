"""`python -m bench.messages`: how fast reminders are planned, and sent by one worker through the console's provider.

BENCH_VISITS (default 100,000) visits to come are made and kept, which is not measured, and their reminders planned;
4,000 of these are due then and sent, half of them e-mails with a calendar attached and half text messages, which are
printed to nowhere. With BENCH_PATIENTS=2000 the rest of the practice is small.

Then a web server and a worker run as in production, and BENCH_RATE readings a second (40) are asked of the server for
BENCH_SECONDS (10), BENCH_ROUNDS (6) times while the worker has nothing to send and, in turn, while it sends. A
request's time counts from when it should have begun. Only an idle machine says something.
"""

import logging
import os
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, redirect_stdout
from datetime import timedelta
from itertools import cycle, islice
from pathlib import Path

import httpx

from bench.arguments import parse
from bench.clinic import open_practice
from bench.report import block
from bench.throughput import as_application, serving

VISITS = int(os.environ.get("BENCH_VISITS", "100000"))
SENT = 4_000
MINUTES = 5
RATE, CALLERS = float(os.environ.get("BENCH_RATE", "40")), 4
SECONDS, ROUNDS = float(os.environ.get("BENCH_SECONDS", "10")), int(os.environ.get("BENCH_ROUNDS", "6"))
TO_CONSOLE = {"EMAIL_URL": "consolemail://", "SMS_URL": "console://"}


def main():
    parse(__doc__)
    os.environ.update(TO_CONSOLE)
    logging.getLogger("httpx").setLevel(logging.WARNING)
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
        beside, sent = _beside_the_web()
    header = ["what", "messages", "seconds", "a second", "this process's CPU, s", "goal"]
    notes = [f"{VISITS:,} visits to come, two reminders each; one process"]
    print(block("Reminders", "python -m bench.messages", notes, header, rows))
    header = ["the worker", "p50 ms", "p95 ms", "p99 ms", "p95 against idle, median of rounds", "goal"]
    notes = [
        f"{RATE:g} readings a second from {CALLERS} callers, {ROUNDS} rounds of {SECONDS:g} s each way, in turn",
        f"one web process, one worker, which sent {sent:,.0f} a second then",
    ]
    print(block("Pages while reminders go out", "python -m bench.messages", notes, header, beside))


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


# --- Beside the web ---------------------------------------------------------------------------------------------------


def _beside_the_web():
    """Return the table's rows, and how many messages a second were sent."""
    from patients.models import Patient

    charts = list(Patient.objects.confirmed().values_list("pk", flat=True)[:50])
    idle, busy, ratios, sent = [], [], [], 0
    _put_off()
    with serving(**TO_CONSOLE) as server, _worker():
        readings = cycle(
            [
                *("/api/users/me", "/api/patients?limit=10", "/api/appointments?limit=20", "/api/dashboard/stats"),
                *(f"/api/patients/{chart}" for chart in charts),
            ]
        )
        _ask(server, readings, seconds=5)  # to be warm
        for _ in range(ROUNDS):
            idle.append(_ask(server, readings))
            due = _make_due()
            job = _asked_to_send()
            busy.append(_ask(server, readings))
            sent += _count_sent(due)
            _put_off()
            _wait_for(job)
            ratios.append(_percentile(busy[-1], 95) / _percentile(idle[-1], 95))
    change = f"{statistics.median(ratios) - 1:+.0%} ({min(ratios) - 1:+.0%} to {max(ratios) - 1:+.0%})"
    return [
        ("has nothing to do", *_percentiles(idle), "", ""),
        ("sends", *_percentiles(busy), change, "below +10 %"),
    ], sent / ROUNDS / SECONDS


@contextmanager
def _worker():
    with Path(os.devnull).open("w") as nowhere:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "worker"],
            env={**os.environ, **as_application(), **TO_CONSOLE},
            stdout=nowhere,
            stderr=nowhere,
        )
        try:
            _wait_for(_asked_to_send())  # until it is up
            yield
        finally:
            process.terminate()
            process.wait(30)


def _ask(server, readings, seconds=SECONDS):
    """Ask at a steady rate, however long the answers take, and return what each took in milliseconds."""
    begin, number = time.perf_counter() + 0.1, int(RATE * seconds)
    asked = iter(list(enumerate(islice(readings, number))))
    took, lock = [], threading.Lock()

    def call():
        with httpx.Client(base_url=server.address, headers={"Cookie": server.cookie}, timeout=60) as client:
            while True:
                with lock:
                    place, path = next(asked, (None, None))
                if path is None:
                    return
                should_begin = begin + place / RATE
                time.sleep(max(0, should_begin - time.perf_counter()))
                client.get(path).raise_for_status()
                took.append((time.perf_counter() - should_begin) * 1000)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(took) == number, "a caller has failed"
    return took


def _make_due():
    """Have the worker send what it can't finish in this round, and return those messages' ids."""
    from django.utils import timezone

    from notifications.models import Message, MessageStatus

    waiting = Message.objects.filter(status=MessageStatus.PLANNED)
    due = list(waiting.values_list("pk", flat=True)[: int(1_000 * SECONDS)])
    Message.objects.filter(pk__in=due).update(due_at=timezone.now())
    return due


def _asked_to_send():
    from notifications.jobs import enqueue

    return enqueue("messages.send_due", payload={}, unique_key="due")


def _wait_for(job):
    while job.finished_at is None:
        time.sleep(0.2)
        job.refresh_from_db()


def _count_sent(due):
    from notifications.models import Message, MessageStatus

    return Message.objects.filter(pk__in=due, status=MessageStatus.SENT).count()


def _put_off():
    """Have nothing due for now."""
    from django.utils import timezone

    from notifications.models import Message, MessageStatus

    later = timezone.now() + timedelta(days=30)
    Message.objects.filter(status=MessageStatus.PLANNED, due_at__lte=later).update(due_at=later)


def _percentile(took, percent):
    return statistics.quantiles(took, n=100)[percent - 1]


def _percentiles(rounds):
    whole = [each for one in rounds for each in one]
    return [f"{_percentile(whole, percent):.1f}" for percent in (50, 95, 99)]


if __name__ == "__main__":
    main()
