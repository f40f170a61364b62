"""`audit_seal`: every event under one seal, whatever commits when, whoever seals beside it, and whenever it dies."""

import io
import random
import re
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from audit import log
from audit.events import AuditEvent
from audit.models import NO_PRACTICE, Event, Seal, Unsealed
from audit.seals.sealing import Sealing
from audit.tests.trails import let_the_owner_tamper, seal, verify, write_at, write_some
from core.tenancy.scope import installation_scope
from tests.server import ROOT, Server, own_database

KILLED_IN_THE_THIRD_SEAL = """
import os, signal
import django
django.setup()
from uuid import UUID
from audit.context import by_command
from audit.events import AuditEvent
from audit.models import Seal
from audit.seals.sealing import Sealing
from audit.log import record
from core.tenancy.scope import installation_scope
by_command("test")
def sign_and_die(seal, sign=Seal.sign):
    sign(seal)
    if seal.number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
Seal.sign = sign_and_die
with installation_scope():
    for number in range(100):
        record(AuditEvent.CHART_READ, practice_id=UUID(int=7), patients=[UUID(int=number)])
    list(Sealing(batch_rows=30).run())
"""

pytestmark = pytest.mark.usefixtures("in_installation_scope")
PRACTICE, OTHER = UUID(int=7), UUID(int=8)  # the trail outlives what it tells of, and needs none of it


def numbers(practice_id):
    return list(Seal.objects.filter(practice_id=practice_id).order_by("number").values_list("number", "count"))


def command(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    call_command("audit_seal", *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


@pytest.fixture
def trail_of_two(db):
    write_some(PRACTICE, 7)
    write_some(OTHER, 3)


def test_one_run_seals_every_practice(trail_of_two):
    assert command() == ("Sealed 10 events under 2 seals.\n", "")
    assert command() == ("Sealed 0 events under 0 seals.\n", "")

    assert (numbers(PRACTICE), numbers(OTHER)) == ([(1, 7)], [(1, 3)])
    assert not Unsealed.objects.exists()


def test_long_queue_becomes_several_seals_that_follow_each_other(trail_of_two):
    list(Sealing(batch_rows=3).run())

    assert numbers(PRACTICE) == [(1, 3), (2, 3), (3, 1)]
    assert verify().waiting.events == 0


@pytest.fixture
def minutes_ago():
    """`minutes_ago(2)`: so long before this test."""
    started = timezone.now()
    return lambda minutes: started - timedelta(minutes=minutes)


def test_events_committed_late_are_listed_apart(db, minutes_ago):
    late = write_at(minutes_ago(3), PRACTICE)
    write_at(minutes_ago(2), PRACTICE)
    Unsealed.objects.filter(pk=late.pk).delete()
    seal()
    Unsealed(event_id=late.pk, practice_id=PRACTICE).save(force_insert=True)
    last = write_at(minutes_ago(1), PRACTICE)
    seal()

    first, second = Seal.objects.filter(practice_id=PRACTICE).order_by("number")
    assert (bytes(first.apart), bytes(second.apart)) == (b"", late.pk.bytes)
    assert (second.count, second.last_event) == (2, last.pk)
    verify()


def test_event_dated_ahead_does_not_make_later_ones_late(db, minutes_ago):
    ahead = write_at(minutes_ago(-600_000), PRACTICE)
    present = write_at(minutes_ago(2), PRACTICE)
    seal()
    write_at(minutes_ago(1), PRACTICE)
    seal()

    first, second = Seal.objects.filter(practice_id=PRACTICE).order_by("number")
    assert (bytes(first.apart), first.last_event) == (ahead.pk.bytes, present.pk)
    assert bytes(second.apart) == b""
    verify()


def test_forged_row_is_reported_and_the_rest_is_sealed(trail_of_two):
    forged = Event.objects.filter(practice_id=PRACTICE).order_by("pk")[2]
    let_the_owner_tamper()
    Event.objects.filter(pk=forged.pk).update(outcome="refused")
    errors = io.StringIO()

    with pytest.raises(CommandError, match="Part of the trail was not sealed"):
        call_command("audit_seal", stdout=io.StringIO(), stderr=errors)

    assert errors.getvalue() == f"audit_event {forged.pk}: its MAC does not match its content\n"
    assert (numbers(PRACTICE), numbers(OTHER)) == ([(1, 6)], [(1, 3)])
    assert list(Unsealed.objects.values_list("pk", flat=True)) == [forged.pk]


def test_row_deleted_before_sealing_is_reported(trail_of_two):
    lost = Event.objects.filter(practice_id=PRACTICE).order_by("pk").first()
    let_the_owner_tamper()
    Event.objects.filter(pk=lost.pk).delete()

    assert seal() == [f"audit_event {lost.pk}: is queued for sealing but missing"]


def test_sealing_records_no_event(trail_of_two):
    before = Event.objects.count()
    command()
    assert Event.objects.count() == before


@pytest.mark.parametrize("seconds", ["0", "-5"])
def test_every_requires_seconds(db, seconds):
    with pytest.raises(CommandError, match="at least 1"):
        command(f"--every={seconds}")


@pytest.fixture(scope="module")
def migrated(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sealing")
    with own_database(directory) as url:
        server = Server(directory, url, "")
        server.prepare()
        yield server


@pytest.mark.production
@pytest.mark.slow  # processes are started
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_every_runs_until_it_is_stopped(migrated, number):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "audit_seal", "--every", "1"],
        cwd=ROOT, env=migrated.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for _ in range(2):
            assert re.fullmatch(r"Sealed \d events? under \d seals?\.\n", process.stdout.readline())
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, errors) == (0, "")


@pytest.mark.production
@pytest.mark.slow  # processes are started
def test_killed_sealer_loses_nothing(migrated):
    died = subprocess.run(
        [sys.executable, "-c", KILLED_IN_THE_THIRD_SEAL],
        cwd=ROOT, env={**migrated.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}, timeout=300,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL
    assert migrated.rows("SELECT number, count FROM audit_seal WHERE count = 30 ORDER BY number") == [(1, 30), (2, 30)]

    migrated.manage("audit_seal")

    assert migrated.rows("SELECT count FROM audit_seal WHERE number = 3") == [(40,)]
    assert "100 events and 3 seals are intact." in migrated.manage("audit_verify", f"--practice={PRACTICE}")


@pytest.mark.slow  # threads
@pytest.mark.postgresql  # SQLite lets one transaction write at a time
def test_concurrent_writers_and_two_sealers(transactional_db):
    """A third of the transactions stay open until both sealers have been round."""
    rounds, turned, done = [0, 0], threading.Condition(), threading.Event()
    problems = []

    def guarded(work, *arguments):
        try:
            with installation_scope():
                work(*arguments)
        except BaseException as error:
            problems.append(error)
            raise
        finally:
            connection.close()

    def write_all(worker):
        dice = random.Random(worker)
        for number in range(25):
            with transaction.atomic():
                for _ in range(dice.randrange(1, 12)):
                    practice_id = dice.choice([PRACTICE, OTHER, NO_PRACTICE])
                    log.record(AuditEvent.CHART_READ, practice_id=practice_id, patients=[PRACTICE])
                if number % 3 == 0:
                    with turned:
                        before = list(rounds)
                        turned.wait_for(
                            lambda before=before: all(b > a for a, b in zip(before, rounds, strict=True)), 30
                        )

    def seal_on(which):
        while not done.is_set():
            assert list(Sealing(batch_rows=7).run()) == []
            with turned:
                rounds[which] += 1
                turned.notify_all()

    sealers = [threading.Thread(target=guarded, args=(seal_on, which)) for which in (0, 1)]
    writers = [threading.Thread(target=guarded, args=(write_all, worker)) for worker in range(4)]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    assert problems == []
    assert seal() == []

    events = Event.objects.count()
    assert Seal.objects.aggregate(total=Sum("count"))["total"] == events > 400
    assert Seal.objects.exclude(apart=b"").count() > 5
    assert not Unsealed.objects.exists()
    checked = verify()
    assert (checked.events, checked.waiting.events) == (events, 0)
