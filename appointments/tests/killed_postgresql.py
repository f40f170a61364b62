"""Run by test_killed_postgresql.py in a process of its own: a worker plans and sends reminders while its PostgreSQL is
killed and started again, and this prints what came of the messages."""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from datetime import time as clock
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from django.db import DatabaseError, connection, connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.tests.factories import UserFactory  # noqa: E402
from appointments.messages.planning import ABOUT  # noqa: E402
from appointments.models import Appointment  # noqa: E402
from audit.context import by_command  # noqa: E402
from core.tenancy.scope import practice_scope  # noqa: E402
from notifications.jobs import enqueue, registry  # noqa: E402
from notifications.jobs.worker import Worker  # noqa: E402
from notifications.messages import sending  # noqa: E402
from notifications.messages.jobs import find_due  # noqa: E402
from notifications.models import Message, MessageSettings, MessageStatus  # noqa: E402
from patients.tests.factories import PatientFactory  # noqa: E402
from practices.tests.factories import PracticeFactory  # noqa: E402
from tests.services import Cluster  # noqa: E402

EACH, LEASE, HALF_AN_HOUR = 8, timedelta(seconds=1), timedelta(minutes=30)
directory, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
cluster = Cluster(Path(sys.argv[4]), Path(sys.argv[5]), json.loads(sys.argv[6]), int(sys.argv[7]))
chance = random.Random(seed)


def hand_over(ready):
    """What the provider does: it takes a moment before and after it has sent."""
    time.sleep(chance.random() / 200)
    with (directory / "sent").open("a") as file:
        file.write(f"{ready.message.reference}\n")
    time.sleep(chance.random() / 200)
    return ""


def again(step):
    """Do what is one transaction until the database is there, and it was not done before."""
    while True:
        try:
            return step()
        except DatabaseError:
            connection.close()
            time.sleep(0.1)


def start_worker():
    connections.close_all()
    connection.close_pool()
    child = os.fork()
    if not child:
        registry.RHYTHMS.clear()
        sending._hand_over = hand_over
        try:
            Worker(threading.Event(), threads=3, lease=LEASE, poll=0.05).run()
        finally:
            os._exit(1)
    return child


def make_visits(practice, doctor, patient, number):
    """Add visits far from now whose reminders nobody has planned."""
    first = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=100, hours=EACH * number)
    starts = [first + timedelta(hours=each) for each in range(EACH)]
    with practice_scope(practice.pk):
        if not Appointment.objects.filter(doctor=doctor, starts_at__in=starts).exists():
            Appointment.objects.bulk_create(
                Appointment(patient=patient, doctor=doctor, starts_at=start, ends_at=start + HALF_AN_HOUR, reason="-")
                for start in starts
            )


def have_all_sent(practice):
    """Ask the worker to plan what is missing and to send what is planned, which is made due."""
    with practice_scope(practice.pk), transaction.atomic():
        enqueue("appointments.plan_missing_reminders", payload={}, unique_key="missing", practice=practice.pk)
        planned = Message.objects.filter(status=MessageStatus.PLANNED, about=ABOUT)
        planned.filter(due_at__gt=timezone.now()).update(due_at=timezone.now())
    find_due()


def main():
    by_command("test")
    sending.LOST = timedelta(seconds=3)
    with ExitStack() as stack:
        server = stack.enter_context(cluster.running())
        practice = PracticeFactory()
        with practice_scope(practice.pk):
            MessageSettings.objects.create(quiet_from=clock(0), quiet_until=clock(0))
            patient = PatientFactory(email="paula@example.org", phone="+12125550114")
            doctor = UserFactory(role="doctor")
        worker = start_worker()
        for number in range(kills):
            again(lambda number=number: make_visits(practice, doctor, patient, number))
            until = time.monotonic() + 0.2 + chance.random() / 2
            while time.monotonic() < until:
                again(lambda: have_all_sent(practice))
                time.sleep(0.02)
            cluster.kill(server, at_once=number % 2 == 0)
            stack.pop_all().close()
            server = stack.enter_context(cluster.running())
        deadline = time.monotonic() + 120
        while again(lambda: is_waiting(practice)) and time.monotonic() < deadline:
            again(lambda: have_all_sent(practice))
            time.sleep(0.1)
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        print(json.dumps(result(practice)))
        connection.close()
        connection.close_pool()


def is_waiting(practice):
    with practice_scope(practice.pk):
        planned = Message.objects.filter(about=ABOUT).count()
        open_ones = Message.objects.filter(status__in=[MessageStatus.PLANNED, MessageStatus.SENDING]).exists()
    return open_ones or planned < 2 * EACH * kills


def result(practice):
    handed_over = Counter((directory / "sent").read_text().split())
    with practice_scope(practice.pk):
        rows = list(Message.objects.filter(about=ABOUT))
        visits = Appointment.objects.count()
    status = {row.reference: row.status for row in rows}
    sent = {reference for reference, said in status.items() if said == MessageStatus.SENT}
    return {
        "asked for": EACH * kills,
        "visits": visits,
        "messages": len(rows),
        "states": Counter(status.values()),
        "why": Counter(row.why for row in rows),
        "twice": [reference for reference, times in handed_over.items() if times > 1],
        "said to be sent and was not": sorted(sent - handed_over.keys()),
        "sent and said to be something else": sorted(
            reference
            for reference in handed_over
            if status[reference] not in (MessageStatus.SENT, MessageStatus.UNCERTAIN)
        ),
    }


if __name__ == "__main__":
    main()
