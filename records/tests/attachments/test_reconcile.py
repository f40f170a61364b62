"""`manage.py reconcile_files`: no orphan in storage, no row without its file."""

import os
from datetime import timedelta

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.tests.whole_trail import whole_trail
from core.encryption.streams import Spool, new_key
from core.tenancy.scope import practice_scope
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from records.attachments import storage
from records.models import Attachment
from records.tests.attachments.conftest import ADDRESS, details, rows, stored_names
from records.tests.factories import stored_file


def reconcile(capsys, *arguments):
    call_command("reconcile_files", "--older-than", "0", *arguments)
    return capsys.readouterr().out


def orphan(name=None):
    name = name or storage.new_name()
    with Spool(key=new_key()) as spool:
        storage.save(name, spool.fill([b"Bone density: normal"]))
    return name


def remove_object(file):
    storage.remove(file.storage_name)


def compared():
    return [orjson.loads(event.details) for event in whole_trail().filter(kind="files.reconciled").order_by("id")]


def test_matching_rows_and_objects_stay(any_storage, make_file, other_practice, make_user, capsys):
    stranger = make_user("doctor", practice=other_practice)
    with practice_scope(other_practice.pk):
        stored_file(patient=PatientFactory(), uploaded_by=stranger)
    for state in ("ready", "quarantined", "infected"):
        make_file(state=state)
    before = stored_names()

    output = reconcile(capsys)

    assert output.startswith("4 files compared; removed: 0 unfinished uploads, 0 without a row;")
    assert stored_names() == before
    assert len(before) == 4
    assert compared() == [{"state": "done", "checked": 4, "unfinished": 0, "ownerless": 0, "found_again": 0, "lost": 0}]


def test_orphans_are_removed(any_storage, make_file, capsys, practice):
    file = make_file()
    orphan()
    half = make_file(state="storing")
    nothing = make_file(state="storing")
    remove_object(nothing)

    output = reconcile(capsys)

    assert "removed: 2 unfinished uploads, 1 without a row" in output
    assert stored_names() == [file.storage_name]
    assert [row.pk for row in rows(practice)] == [file.pk]
    assert half.storage_name not in stored_names()


def test_foreign_objects_stay(any_storage, make_file, capsys):
    make_file()
    others = ["readme.txt", "a/readme.txt", f"a/{'cd' * 16}", f"a/{'AB' * 16}", f"a/a/{'ab' * 16}"]
    for name in others:
        orphan(name)

    reconcile(capsys)

    assert [name for name in others if storage.exists(name)] == others


def test_missing_file_is_reported_and_marked(any_storage, make_file, capsys, doctor, practice):
    for state in ("ready", "quarantined", "infected"):
        remove_object(make_file(state=state))
    there = make_file()

    with pytest.raises(CommandError) as error:
        reconcile(capsys)

    states = {row.pk: row.state for row in rows(practice)}
    lost = [pk for pk, state in states.items() if state == "lost"]
    assert (len(lost), states[there.pk]) == (3, "ready")
    assert str(error.value).startswith("3 files missing from storage:")
    assert all(str(pk) in str(error.value) for pk in lost)
    assert details("data.changed") == [{"fields": ["state"]}] * 3
    assert doctor.get(f"{ADDRESS}/{lost[0]}").json()["status"] == "lost"
    assert doctor.get(f"{ADDRESS}/{lost[0]}/content").status_code == 404


def test_missing_file_is_reported_each_run_and_logged_once(make_file, capsys):
    make_file()
    remove_object(make_file())

    for _ in range(2):
        with pytest.raises(CommandError, match="1 file missing"):
            reconcile(capsys)

    assert details("data.changed") == [{"fields": ["state"]}]


def test_recovered_file_is_quarantined(any_storage, make_file, capsys, practice):
    make_file(state="lost")

    output = reconcile(capsys)

    assert "found again and scanned next: 1" in output
    assert [(row.state, row.scan_tries, row.scanned_at) for row in rows(practice)] == [("quarantined", 0, None)]


def test_recent_uploads_are_left_alone(make_file, practice, capsys, folder):
    def aged(name, minutes):
        moment = (timezone.now() - timedelta(minutes=minutes)).timestamp()
        os.utime(folder / name, (moment, moment))

    for minutes in (50, 70):
        with practice_scope(practice.pk):
            file = make_file(state="storing", created_at=timezone.now() - timedelta(minutes=minutes))
            missing = make_file(created_at=timezone.now() - timedelta(minutes=minutes))
        aged(file.storage_name, minutes)
        aged(orphan(), minutes)
        remove_object(missing)

    with pytest.raises(CommandError, match="1 file missing"):
        call_command("reconcile_files")

    assert "removed: 1 unfinished upload, 1 without a row" in capsys.readouterr().out
    assert sorted(row.state for row in rows(practice)) == ["lost", "ready", "storing"]
    assert len(stored_names()) == 2


def test_dry_run_changes_nothing(make_file, capsys, practice):
    make_file(state="storing")
    orphan()
    remove_object(make_file())
    make_file(state="lost")
    before = (stored_names(), [(row.pk, row.state) for row in rows(practice)])

    with pytest.raises(CommandError, match="1 file missing"):
        reconcile(capsys, "--dry-run")

    output = capsys.readouterr().out
    assert "would be removed: 1 unfinished upload, 1 without a row; found again and would be scanned next: 1" in output
    assert (stored_names(), [(row.pk, row.state) for row in rows(practice)]) == before
    assert compared() == []


def test_file_being_purged_is_left_alone(make_file, practice, capsys, chart, make_user):
    file = make_file()
    with practice_scope(practice.pk):
        deletion = Deletion.objects.create(
            patient=chart, about="records.Attachment", about_id=file.pk, deleted_by=make_user("admin"), reason="x",
            purge_began_at=timezone.now(),
        )  # fmt: skip
        Attachment.objects.filter(pk=file.pk).update(deletion=deletion)
    remove_object(file)

    output = reconcile(capsys)

    assert f"1 file left to purge_deleted, which has already started on them:\n  {file.pk}" in output
    assert [row.state for row in rows(practice)] == ["ready"]


def test_deleted_file_keeps_its_object(make_file, practice, capsys, chart, make_user):
    file = make_file()
    with practice_scope(practice.pk):
        deletion = Deletion.objects.create(
            patient=chart, about="records.Attachment", about_id=file.pk, deleted_by=make_user("admin"), reason="x"
        )
        Attachment.objects.filter(pk=file.pk).update(deletion=deletion)

    reconcile(capsys)

    assert stored_names() == [file.storage_name]


def test_storage_outage_marks_nothing(failing, make_file, capsys, practice):
    files = [make_file(), make_file(state="storing")]
    orphan()

    with failing("delete"), pytest.raises(CommandError, match="storage is not available"):
        reconcile(capsys)
    assert (len(rows(practice)), len(stored_names())) == (2, 3)

    reconcile(capsys)
    assert stored_names() == [files[0].storage_name]
    assert [event["state"] for event in compared()] == ["stopped", "done"]


def test_empty_database_removes_nothing(db, practice, capsys):
    names = sorted([orphan(), orphan()])

    with pytest.raises(CommandError, match="knows none of them"):
        reconcile(capsys)

    assert stored_names() == names


class TestWrongStorage:
    def assert_stopped(self, capsys, practice, sentence):
        before = (stored_names(), [(row.pk, row.state) for row in rows(practice)])
        for dry in ([], ["--dry-run"]):
            with pytest.raises(CommandError, match=sentence) as error:
                reconcile(capsys, *dry)
            assert error.value.returncode == 1
            assert "Nothing was done" in str(error.value)
        assert (stored_names(), [(row.pk, row.state) for row in rows(practice)]) == before
        assert compared() == []

    def assert_forced(self, capsys, practice, *, lost, stored):
        if lost:
            with pytest.raises(CommandError, match=f"{lost} files? missing"):
                reconcile(capsys, "--force")
        else:
            reconcile(capsys, "--force")
        assert [row.state for row in rows(practice)].count("lost") == lost
        assert len(stored_names()) == stored

    def test_empty_storage_stops_the_run(self, any_storage, make_file, capsys, practice):
        remove_object(make_file())

        self.assert_stopped(capsys, practice, "storage is empty")
        self.assert_forced(capsys, practice, lost=1, stored=0)

    def test_mostly_missing_files_stop_the_run(self, make_file, capsys, practice):
        files = [make_file() for _ in range(20)]
        for file in files[:11]:
            remove_object(file)

        self.assert_stopped(capsys, practice, "Of 20 files 11 would be marked as missing")
        self.assert_forced(capsys, practice, lost=11, stored=9)

    def test_mostly_orphans_stop_the_run(self, make_file, capsys, practice):
        for _ in range(9):
            make_file()
        for _ in range(11):
            orphan()

        self.assert_stopped(capsys, practice, "Of 20 files in the storage 11 would be removed")
        self.assert_forced(capsys, practice, lost=0, stored=9)

    @pytest.mark.parametrize(("there", "gone", "orphans"), [(10, 10, 0), (10, 0, 10), (1, 18, 0), (1, 0, 18)])
    def test_half_or_few_do_not_stop_the_run(self, make_file, capsys, practice, there, gone, orphans):
        for _ in range(there):
            make_file()
        for _ in range(gone):
            remove_object(make_file())
        for _ in range(orphans):
            orphan()

        if gone:
            with pytest.raises(CommandError, match=f"{gone} files missing"):
                reconcile(capsys)
        else:
            reconcile(capsys)

        assert [row.state for row in rows(practice)].count("lost") == gone
        assert len(stored_names()) == there


@pytest.mark.parametrize("minutes", ["-1", "x", "", "1.5"])
def test_invalid_minutes_are_refused(db, minutes):
    with pytest.raises(CommandError):
        call_command("reconcile_files", f"--older-than={minutes}")
