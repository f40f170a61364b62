"""Files in quarantine: scanned again by a real clamd until there is a verdict."""

import threading
from bisect import bisect_left
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from appointments.tests.test_double_booking import at_once
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from integrations import virus_scan
from integrations.virus_scan import Reason, ScanFailed, Verdict
from integrations.virus_scan.built_in import EICAR
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from records.attachments import scanning, storage
from records.models import Attachment
from records.tests.factories import stored_file
from tests.clamd import stopped_clamd

LETTER, NAME = b"Dear Dr. Reyes, my back is better.\n", "letter of Jane Doe.txt"
HOUR = timedelta(hours=1)


@pytest.fixture
def quarantine(practice, make_user):
    """`quarantine(content)` returns a file in quarantine, as an upload without a scanner leaves it."""
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


def reload(file):
    with practice_scope(file.practice_id):
        return Attachment.with_deleted.filter(pk=file.pk).first()


def an_hour_later(file):
    file = reload(file)
    with practice_scope(file.practice_id):
        file.scanned_at -= HOUR
        file.save(update_fields=["scanned_at"])


def scan_files(capsys, *, code=0):
    """Run the command and return its standard output and standard error."""
    capsys.readouterr()
    if code:
        with pytest.raises(CommandError) as failed:
            call_command("scan_files")
        assert failed.value.returncode == code
    else:
        call_command("scan_files")
    return tuple(capsys.readouterr())


def logged_events():
    return list(whole_trail().filter(kind="file.scanned").order_by("id"))


@pytest.mark.production
class TestWithClamd:
    @pytest.fixture(autouse=True)
    def scanner(self, clamd, settings):
        settings.VIRUS_SCAN_URL = clamd.socket_url

    def test_clean_file_becomes_ready(self, quarantine, capsys):
        file = quarantine()
        said, complained = scan_files(capsys)
        assert reload(file).state == "ready"
        assert reload(file).scan_tries == 1
        assert (said, complained) == ("1 clean, 0 infected, 0 in quarantine.\n", "")

    def test_infected_file_never_becomes_ready(self, quarantine, capsys):
        file = quarantine(EICAR)
        said, complained = scan_files(capsys)
        assert reload(file).state == "infected"
        assert (said, complained) == (
            "0 clean, 1 infected, 0 in quarantine.\n",
            f"File {file.pk}: infected; it cannot be downloaded.\n",
        )
        an_hour_later(file)
        assert scan_files(capsys)[0] == "0 clean, 0 infected, 0 in quarantine.\n"
        assert reload(file).state == "infected"

    def test_scan_results_are_logged_once(self, quarantine, capsys):
        clean, infected = quarantine(), quarantine(EICAR)
        said = "".join(scan_files(capsys) + scan_files(capsys))

        found = [(event.about_id, event.practice_id, event.patients, event.details) for event in logged_events()]
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

    def test_scans_every_practice(self, quarantine, other_practice, make_user, capsys):
        there = quarantine(EICAR, practice=other_practice, uploader=make_user("doctor", practice=other_practice))
        here = quarantine()
        scan_files(capsys)
        assert (reload(here).state, reload(there).state) == ("ready", "infected")
        assert {event.practice_id for event in logged_events()} == {here.practice_id, there.practice_id}

    def test_scans_deleted_files(self, quarantine, capsys):
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
        assert reload(file).state == "ready"
        assert reload(file).deletion_id == file.deletion_id

    @pytest.mark.parametrize("state", ["storing", "ready", "infected", "lost"])
    def test_ignores_other_states(self, quarantine, capsys, state):
        file = quarantine(EICAR)
        file.state = state
        with practice_scope(file.practice_id):
            file.save(update_fields=["state"])
        scan_files(capsys)
        assert (reload(file).state, reload(file).scan_tries, logged_events()) == (state, 0, [])

    def test_unreadable_file_does_not_block_others(self, quarantine, capsys):
        missing, damaged, good = quarantine(), quarantine(), quarantine()
        storage.remove(missing.storage_name)
        path = Path(storage.storage().path(damaged.storage_name))
        path.write_bytes(path.read_bytes()[:-1] + b"?")

        said, complained = scan_files(capsys, code=1)

        assert said == "1 clean, 0 infected, 2 in quarantine.\n"
        assert [reload(file).state for file in (missing, damaged, good)] == ["quarantined", "quarantined", "ready"]
        for file in (missing, damaged):
            assert f"File {file.pk}: the file cannot be read: run manage.py reconcile_files.\n" in complained

    def test_storage_outage_ends_run_and_is_no_try(self, quarantine, capsys, monkeypatch):
        files = [quarantine(), quarantine()]

        def down(attachment):
            raise storage.StorageUnavailable

        with monkeypatch.context() as broken:
            broken.setattr(scanning, "open_file", down)
            _, complained = scan_files(capsys, code=1)
        assert complained == "File storage is not available right now. Please try again in a moment.\n"
        assert [(reload(file).state, reload(file).scan_tries) for file in files] == [("quarantined", 0)] * 2
        scan_files(capsys)
        assert [reload(file).state for file in files] == ["ready", "ready"]

    def test_file_purged_during_scan_is_skipped(self, quarantine, capsys, monkeypatch):
        file, real = quarantine(), virus_scan.scan

        def purged(parts):
            verdict = real(parts)
            reload(file).delete()
            return verdict

        monkeypatch.setattr(virus_scan, "scan", purged)
        with practice_scope(file.practice_id):
            assert scanning.rescan(file.pk) is None
        assert logged_events() == []

    def test_verdict_of_other_runner_stays(self, quarantine, monkeypatch):
        """Another runner found it infected, with newer signatures."""
        file = quarantine()

        def infected_meanwhile(parts):
            other = reload(file)
            other.state = "infected"
            other.save(update_fields=["state"])
            return Verdict(clean=True)

        monkeypatch.setattr(virus_scan, "scan", infected_meanwhile)
        with practice_scope(file.practice_id):
            assert scanning.rescan(file.pk) is None
            assert scanning.rescan(file.pk, at_once=True) is None
        assert (reload(file).state, logged_events()) == ("infected", [])


@pytest.mark.production
@pytest.mark.slow  # a clamd is started
def test_scanner_outage_is_no_try(quarantine, capsys, settings):
    files = [quarantine(), quarantine(EICAR)]
    with stopped_clamd() as clamd:
        settings.VIRUS_SCAN_URL = clamd.url
        said, complained = scan_files(capsys, code=1)
        assert (said, complained) == (
            "0 clean, 0 infected, 2 in quarantine.\n",
            "The virus scanner is not responding.\n",
        )
        assert [(reload(file).state, reload(file).scan_tries) for file in files] == [("quarantined", 0)] * 2
        with clamd.running():
            scan_files(capsys)
    assert [reload(file).state for file in files] == ["ready", "infected"]


def test_files_stay_quarantined_without_scanner(quarantine, capsys, settings):
    settings.VIRUS_SCAN_URL = ""
    file = quarantine()
    assert scan_files(capsys, code=1)[1] == "The virus scanner is not responding.\n"
    assert reload(file).state == "quarantined"


@pytest.mark.production
@pytest.mark.slow  # a clamd is started
def test_file_too_large_waits_for_new_limits(quarantine, capsys, settings, clamd):
    file = quarantine(LETTER * 10_000)
    with stopped_clamd(StreamMaxLength="64K") as small, small.running():
        settings.VIRUS_SCAN_URL = small.url
        said, complained = scan_files(capsys, code=1)
        assert said == "0 clean, 0 infected, 1 in quarantine.\n"
        assert complained.startswith(f"File {file.pk}: too large for the scanner: raise StreamMaxLength")
    assert (reload(file).state, reload(file).scan_tries) == ("quarantined", 1)

    settings.VIRUS_SCAN_URL = clamd.url
    an_hour_later(file)
    scan_files(capsys)
    assert reload(file).state == "ready"


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.ERROR, Reason.TOO_LARGE])
def test_failed_scan_waits_longer_each_time(quarantine, monkeypatch, reason, settings):
    settings.VIRUS_SCAN_TIMEOUT = 30
    file = quarantine()

    def fail(parts):
        raise ScanFailed(reason)

    monkeypatch.setattr(virus_scan, "scan", fail)
    waits = []
    with practice_scope(file.practice_id):
        for _ in range(14):
            assert scanning.rescan(file.pk) == (file.pk, "quarantined", reason)
            begun = reload(file).scanned_at
            is_due = partial(_is_due, monkeypatch, file, begun)
            minutes = bisect_left(range(2000), True, key=is_due)
            waits.append(minutes)
            for _ in range(minutes // 60 + 1):
                an_hour_later(file)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1440, 1440, 1440]


def _is_due(monkeypatch, file, begun, minutes):
    with monkeypatch.context() as later:
        later.setattr(timezone, "now", lambda: begun + timedelta(minutes=minutes))
        return scanning.list_due() == [file.pk]


def test_manual_run_skips_only_files_in_progress(quarantine, settings):
    settings.VIRUS_SCAN_TIMEOUT = 30
    long_ago, just_now = timezone.now() - timedelta(minutes=2), timezone.now() - timedelta(seconds=50)
    tried, at_work, new = (
        quarantine(scan_tries=9, scanned_at=long_ago),
        quarantine(scan_tries=1, scanned_at=just_now),
        quarantine(),
    )
    with practice_scope(tried.practice_id):
        assert scanning.list_due(at_once=True) == [new.pk, tried.pk]
        assert scanning.list_due() == [new.pk]
        assert scanning.rescan(at_work.pk, at_once=True) is None


def test_list_due_is_limited_to_practice(quarantine, other_practice):
    file = quarantine()
    with practice_scope(other_practice.pk):
        assert scanning.list_due(at_once=True) == []
        assert scanning.rescan(file.pk) is None


@pytest.mark.django_db(transaction=True)
def test_concurrent_runners_scan_each_file_once(quarantine, monkeypatch, practice):
    files = [quarantine(b"%d" % number) for number in range(6)]
    scanned, both = [], threading.Barrier(2, timeout=300)

    def scan(parts):
        scanned.append(b"".join(parts))
        if len(scanned) <= 2:
            both.wait()  # each is at its first file when the other begins its own
        return Verdict(clean=True)

    monkeypatch.setattr(virus_scan, "scan", scan)

    def run(number):
        with practice_scope(practice.pk):
            waiting = scanning.list_due()
            both.wait()  # both mean to scan all of them
            return [scanning.rescan(pk) for pk in waiting]

    answers = at_once(2, run)

    assert sorted(scanned) == [b"%d" % number for number in range(6)]
    assert [reload(file).state for file in files] == ["ready"] * 6
    assert len([answer for own in answers for answer in own if answer]) == 6
    assert len(logged_events()) == 6


@pytest.mark.django_db(transaction=True)
def test_scan_holds_no_lock(quarantine, monkeypatch, practice):
    """The file can be renamed during its scan and, on SQLite, anyone can write."""
    file, begun, over = quarantine(), threading.Event(), threading.Event()

    def scan(parts):
        begun.set()
        assert over.wait(300)
        return Verdict(clean=True)

    monkeypatch.setattr(virus_scan, "scan", scan)

    def run():
        try:
            with practice_scope(practice.pk):
                scanning.rescan(file.pk)
        finally:
            connection.close()

    runner = threading.Thread(target=run)
    runner.start()
    try:
        assert begun.wait(300)
        renamed = reload(file)
        renamed.name = "x-ray.txt"
        with practice_scope(practice.pk):
            renamed.save(update_fields=["name"])
    finally:
        over.set()
        runner.join()
    assert (reload(file).state, reload(file).name) == ("ready", "x-ray.txt")


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_invalid_interval_is_refused(db, seconds):
    with pytest.raises(CommandError, match="at least 1"):
        call_command("scan_files", f"--every={seconds}")
