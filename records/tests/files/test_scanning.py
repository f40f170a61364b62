"""Files in quarantine: scanned again by a real clamd, until it is known whether they may be served."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy import practice_scope
from integrations import virus_scan
from integrations.virus_scan import Reason, ScanFailed, Verdict
from integrations.virus_scan.built_in import EICAR
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from records.files import scanning, storing
from records.models import Attachment
from records.tests.factories import stored_file
from tests.clamd import stopped_clamd

LETTER, NAME = b"Dear Dr. Reyes, my back is better.\n", "letter of Jane Doe.txt"
HOUR = timedelta(hours=1)


@pytest.fixture
def quarantine(practice, make_user):
    """`quarantine(content)`: a file in quarantine, as an upload leaves it that nobody could scan."""
    uploader = make_user("doctor")

    def make(content=LETTER, *, practice=practice, uploader=uploader, **fields):
        with practice_scope(practice.pk):
            return stored_file(
                patient=PatientFactory(),
                uploaded_by=uploader,
                content=content,
                name=NAME,
                state="quarantined",
                **fields,
            )

    return make


def now(file):
    with practice_scope(file.practice_id):
        return Attachment.with_deleted.filter(pk=file.pk).first()


def an_hour_later(file):
    file = now(file)
    with practice_scope(file.practice_id):
        file.scanned_at -= HOUR
        file.save(update_fields=["scanned_at"])


def scan_files(capsys, *, code=0):
    """What it says, on standard output and on standard error."""
    capsys.readouterr()
    if code:
        with pytest.raises(CommandError) as failed:
            call_command("scan_files")
        assert failed.value.returncode == code
    else:
        call_command("scan_files")
    return tuple(capsys.readouterr())


def told():
    return list(whole_trail().filter(kind="file.scanned").order_by("id"))


class TestWithAClamd:
    @pytest.fixture(autouse=True)
    def scanner(self, clamd, settings):
        settings.VIRUS_SCAN_URL = clamd.socket_url

    def test_a_clean_file_is_ready(self, quarantine, capsys):
        file = quarantine()
        said, complained = scan_files(capsys)
        assert now(file).state == "ready"
        assert now(file).scan_tries == 1
        assert (said, complained) == ("1 clean, 0 infected, 0 in quarantine.\n", "")

    def test_an_infected_file_is_never_ready(self, quarantine, capsys):
        file = quarantine(EICAR)
        said, complained = scan_files(capsys)
        assert now(file).state == "infected"
        assert (said, complained) == (
            "0 clean, 1 infected, 0 in quarantine.\n",
            f"File {file.pk}: infected, and never served.\n",
        )
        an_hour_later(file)
        assert scan_files(capsys)[0] == "0 clean, 0 infected, 0 in quarantine.\n"
        assert now(file).state == "infected"

    def test_each_result_is_in_the_trail_once_and_tells_nothing_of_the_file(self, quarantine, capsys):
        clean, infected = quarantine(), quarantine(EICAR)
        said = "".join(scan_files(capsys) + scan_files(capsys))

        found = [(event.about_id, event.practice_id, event.patients, event.details) for event in told()]
        assert found == [
            (clean.pk, clean.practice_id, f'["{clean.patient_id}"]', '{"state":"ready","found":""}'),
            (
                infected.pk,
                infected.practice_id,
                f'["{infected.patient_id}"]',
                '{"state":"infected","found":"Praxis.Test.Eicar.UNOFFICIAL"}',
            ),
        ]
        assert whole_trail().filter(about="records.Attachment").count() == 2
        assert "Jane" not in said + str(list(whole_trail().values_list("details")))

    def test_of_every_practice(self, quarantine, other_practice, make_user, capsys):
        there = quarantine(EICAR, practice=other_practice, uploader=make_user("doctor", practice=other_practice))
        here = quarantine()
        scan_files(capsys)
        assert (now(here).state, now(there).state) == ("ready", "infected")
        assert {event.practice_id for event in told()} == {here.practice_id, there.practice_id}

    def test_of_deleted_ones_too_for_they_may_be_restored(self, quarantine, capsys):
        file = quarantine()
        with practice_scope(file.practice_id):
            file.deletion = Deletion.objects.create(
                patient=file.patient,
                about="records.Attachment",
                about_id=file.pk,
                deleted_by=file.uploaded_by,
                reason="?",
            )
            file.save(update_fields=["deletion"])
        scan_files(capsys)
        assert now(file).state == "ready"
        assert now(file).deletion_id == file.deletion_id

    @pytest.mark.parametrize("state", ["storing", "ready", "infected", "lost"])
    def test_of_no_other_state(self, quarantine, capsys, state):
        file = quarantine(EICAR)
        file.state = state
        with practice_scope(file.practice_id):
            file.save(update_fields=["state"])
        scan_files(capsys)
        assert (now(file).state, now(file).scan_tries, told()) == (state, 0, [])

    def test_a_file_that_is_missing_or_damaged_waits_and_keeps_no_other_back(self, quarantine, capsys):
        missing, damaged, good = quarantine(), quarantine(), quarantine()
        storing.remove(missing.storage_name)
        path = Path(storing.storage().path(damaged.storage_name))
        path.write_bytes(path.read_bytes()[:-1] + b"?")

        said, complained = scan_files(capsys, code=1)

        assert said == "1 clean, 0 infected, 2 in quarantine.\n"
        assert [now(file).state for file in (missing, damaged, good)] == ["quarantined", "quarantined", "ready"]
        for file in (missing, damaged):
            assert f"File {file.pk}: the file cannot be read: see manage.py reconcile_files.\n" in complained

    def test_a_storage_that_is_down_ends_the_run_and_counts_for_no_file(self, quarantine, capsys, monkeypatch):
        files = [quarantine(), quarantine()]

        def down(attachment):
            raise storing.StorageDown

        with monkeypatch.context() as broken:
            broken.setattr(scanning, "open_file", down)
            _, complained = scan_files(capsys, code=1)
        assert complained == "The file storage does not answer. Please try again in a moment.\n"
        assert [(now(file).state, now(file).scan_tries) for file in files] == [("quarantined", 0)] * 2
        scan_files(capsys)
        assert [now(file).state for file in files] == ["ready", "ready"]

    def test_a_file_that_is_purged_meanwhile_is_forgotten(self, quarantine, capsys, monkeypatch):
        file, real = quarantine(), virus_scan.scan

        def purged(parts):
            verdict = real(parts)
            now(file).delete()
            return verdict

        monkeypatch.setattr(virus_scan, "scan", purged)
        with practice_scope(file.practice_id):
            assert scanning.scan_again(file.pk) is None
        assert told() == []

    def test_what_somebody_else_found_out_meanwhile_stays(self, quarantine, monkeypatch):
        """Another runner found it infected, with newer signatures."""
        file = quarantine()

        def infected_meanwhile(parts):
            other = now(file)
            other.state = "infected"
            other.save(update_fields=["state"])
            return Verdict(clean=True)

        monkeypatch.setattr(virus_scan, "scan", infected_meanwhile)
        with practice_scope(file.practice_id):
            assert scanning.scan_again(file.pk) is None
            assert scanning.scan_again(file.pk, at_once=True) is None
        assert (now(file).state, told()) == ("infected", [])


def test_a_scanner_that_is_down_lets_nothing_through_and_counts_for_no_file(quarantine, capsys, settings):
    files = [quarantine(), quarantine(EICAR)]
    with stopped_clamd() as clamd:
        settings.VIRUS_SCAN_URL = clamd.url
        said, complained = scan_files(capsys, code=1)
        assert (said, complained) == (
            "0 clean, 0 infected, 2 in quarantine.\n",
            "The virus scanner does not answer.\n",
        )
        assert [(now(file).state, now(file).scan_tries) for file in files] == [("quarantined", 0)] * 2
        with clamd.running():
            scan_files(capsys)
    assert [now(file).state for file in files] == ["ready", "infected"]


def test_without_a_scanner_nothing_is_let_through(quarantine, capsys, settings):
    settings.VIRUS_SCAN_URL = ""
    file = quarantine()
    assert scan_files(capsys, code=1)[1] == "The virus scanner does not answer.\n"
    assert now(file).state == "quarantined"


def test_a_file_too_large_for_the_scanner_stays_until_it_takes_it(quarantine, capsys, settings, clamd):
    file = quarantine(LETTER * 10_000)
    with stopped_clamd(StreamMaxLength="64K") as small, small.running():
        settings.VIRUS_SCAN_URL = small.url
        said, complained = scan_files(capsys, code=1)
        assert said == "0 clean, 0 infected, 1 in quarantine.\n"
        assert complained.startswith(f"File {file.pk}: too large for the scanner's own limits: raise StreamMaxLength")
    assert (now(file).state, now(file).scan_tries) == ("quarantined", 1)

    settings.VIRUS_SCAN_URL = clamd.url
    an_hour_later(file)
    scan_files(capsys)
    assert now(file).state == "ready"


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.ERROR, Reason.TOO_LARGE])
def test_a_file_that_could_not_be_scanned_waits_longer_each_time(quarantine, monkeypatch, reason, settings):
    settings.VIRUS_SCAN_TIMEOUT = 30
    file = quarantine()

    def fail(parts):
        raise ScanFailed(reason)

    monkeypatch.setattr(virus_scan, "scan", fail)
    waits = []
    with practice_scope(file.practice_id):
        for _ in range(14):
            assert scanning.scan_again(file.pk) == (file.pk, "quarantined", reason)
            begun = now(file).scanned_at
            minutes = next(
                minutes for minutes in range(1, 2000)
                if _due_after(monkeypatch, begun + timedelta(minutes=minutes)) == [file.pk]
            )  # fmt: skip
            waits.append(minutes)
            for _ in range(minutes // 60 + 1):
                an_hour_later(file)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440, 1440]


def _due_after(monkeypatch, moment):
    with monkeypatch.context() as later:
        later.setattr(timezone, "now", lambda: moment)
        return scanning.waiting()


def test_by_hand_all_are_tried_but_what_may_still_be_at_work(quarantine, settings):
    settings.VIRUS_SCAN_TIMEOUT = 30
    long_ago, just_now = timezone.now() - timedelta(minutes=2), timezone.now() - timedelta(seconds=50)
    tried, at_work, new = (
        quarantine(scan_tries=9, scanned_at=long_ago),
        quarantine(scan_tries=1, scanned_at=just_now),
        quarantine(),
    )
    with practice_scope(tried.practice_id):
        assert scanning.waiting(at_once=True) == [new.pk, tried.pk]
        assert scanning.waiting() == [new.pk]
        assert scanning.scan_again(at_work.pk, at_once=True) is None


def test_a_practice_sees_its_own_files_alone(quarantine, other_practice):
    file = quarantine()
    with practice_scope(other_practice.pk):
        assert scanning.waiting(at_once=True) == []
        assert scanning.scan_again(file.pk) is None


@pytest.mark.django_db(transaction=True)
def test_two_runners_at_once_scan_no_file_twice(quarantine, monkeypatch, practice):
    files = [quarantine(b"%d" % number) for number in range(6)]
    scanned, both = [], threading.Barrier(2, timeout=30)

    def scan(parts):
        scanned.append(b"".join(parts))
        if len(scanned) <= 2:
            both.wait()  # each is at its first file when the other begins its own
        return Verdict(clean=True)

    monkeypatch.setattr(virus_scan, "scan", scan)

    def run(number):
        with practice_scope(practice.pk):
            waiting = scanning.waiting()
            both.wait()  # both mean to scan all of them
            return [scanning.scan_again(pk) for pk in waiting]

    answers = at_once(2, run)

    assert sorted(scanned) == [b"%d" % number for number in range(6)]
    assert [now(file).state for file in files] == ["ready"] * 6
    assert len([answer for own in answers for answer in own if answer]) == 6
    assert len(told()) == 6


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_a_file_is_scanned(quarantine, monkeypatch, practice):
    """Neither who renames it, nor, on SQLite, everybody who writes."""
    file, begun, over = quarantine(), threading.Event(), threading.Event()

    def scan(parts):
        begun.set()
        assert over.wait(30)
        return Verdict(clean=True)

    monkeypatch.setattr(virus_scan, "scan", scan)

    def run():
        try:
            with practice_scope(practice.pk):
                scanning.scan_again(file.pk)
        finally:
            connection.close()

    runner = threading.Thread(target=run)
    runner.start()
    try:
        assert begun.wait(30)
        renamed = now(file)
        renamed.name = "x-ray.txt"
        with practice_scope(practice.pk):
            renamed.save(update_fields=["name"])
    finally:
        over.set()
        runner.join()
    assert (now(file).state, now(file).name) == ("ready", "x-ray.txt")


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_every_takes_seconds(db, seconds):
    with pytest.raises(CommandError, match="at least 1"):
        call_command("scan_files", f"--every={seconds}")
