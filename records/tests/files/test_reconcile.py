"""`manage.py reconcile_files`: no orphan in the storage, no row without its file."""

import os
from datetime import timedelta

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.tests.whole_trail import whole_trail
from core.encryption.streams import Spool, new_key
from core.tenancy import practice_scope
from patients.models import Deletion
from patients.tests.factories import PatientFactory
from records.files import storing
from records.models import Attachment
from records.tests.factories import stored_file
from records.tests.files.conftest import ADDRESS, details, rows, stored_names


def reconcile(capsys, *arguments):
    call_command("reconcile_files", "--older-than", "0", *arguments)
    return capsys.readouterr().out


def orphan(name=None):
    name = name or storing.new_name()
    with Spool(key=new_key()) as spool:
        storing.save(name, spool.fill([b"Bone density: normal"]))
    return name


def remove_object(file):
    storing.remove(file.storage_name)


def compared():
    return [orjson.loads(event.details) for event in whole_trail().filter(kind="files.reconciled").order_by("id")]


def test_what_belongs_together_stays(either, keep, other_practice, make_user, capsys):
    stranger = make_user("doctor", practice=other_practice)
    with practice_scope(other_practice.pk):
        stored_file(patient=PatientFactory(), uploaded_by=stranger)
    for state in ("ready", "quarantined", "infected"):
        keep(state=state)
    before = stored_names()

    said = reconcile(capsys)

    assert said.startswith("4 files compared; removed: 0 unfinished uploads, 0 without a row;")
    assert stored_names() == before
    assert len(before) == 4
    assert compared() == [{"state": "done", "checked": 4, "unfinished": 0, "ownerless": 0, "found_again": 0, "lost": 0}]


def test_what_nobody_owns_goes(either, keep, capsys, practice):
    file = keep()
    orphan()
    half = keep(state="storing")
    nothing = keep(state="storing")
    remove_object(nothing)

    said = reconcile(capsys)

    assert "removed: 2 unfinished uploads, 1 without a row" in said
    assert stored_names() == [file.storage_name]
    assert [row.pk for row in rows(practice)] == [file.pk]
    assert half.storage_name not in stored_names()


def test_what_is_not_ours_stays(either, keep, capsys):
    keep()
    others = ["readme.txt", "a/readme.txt", f"a/{'cd' * 16}", f"a/{'AB' * 16}", f"a/a/{'ab' * 16}"]
    for name in others:
        orphan(name)

    reconcile(capsys)

    assert [name for name in others if storing.exists(name)] == others


def test_a_file_that_is_missing_is_named_and_marked(either, keep, capsys, doctor, practice):
    for state in ("ready", "quarantined", "infected"):
        remove_object(keep(state=state))
    there = keep()

    with pytest.raises(CommandError) as error:
        reconcile(capsys)

    states = {row.pk: row.state for row in rows(practice)}
    lost = [pk for pk, state in states.items() if state == "lost"]
    assert (len(lost), states[there.pk]) == (3, "ready")
    assert str(error.value).startswith("3 files missing in the storage:")
    assert all(str(pk) in str(error.value) for pk in lost)
    assert details("data.changed") == [{"fields": ["state"]}] * 3
    assert doctor.get(f"{ADDRESS}/{lost[0]}").json()["status"] == "lost"
    assert doctor.get(f"{ADDRESS}/{lost[0]}/content").status_code == 404


def test_it_is_named_again_each_time_and_told_once(keep, capsys):
    keep()
    remove_object(keep())

    for _ in range(2):
        with pytest.raises(CommandError, match="1 file missing"):
            reconcile(capsys)

    assert details("data.changed") == [{"fields": ["state"]}]


def test_one_that_has_come_back_is_scanned_before_it_is_handed_out(either, keep, capsys, practice):
    keep(state="lost")

    said = reconcile(capsys)

    assert "found again, and scanned next: 1" in said
    assert [(row.state, row.scan_tries, row.scanned_at) for row in rows(practice)] == [("quarantined", 0, None)]


def test_what_may_be_on_its_way_is_left_alone(keep, practice, capsys, folder):
    def aged(name, minutes):
        moment = (timezone.now() - timedelta(minutes=minutes)).timestamp()
        os.utime(folder / name, (moment, moment))

    for minutes in (50, 70):
        with practice_scope(practice.pk):
            file = keep(state="storing", created_at=timezone.now() - timedelta(minutes=minutes))
            missing = keep(created_at=timezone.now() - timedelta(minutes=minutes))
        aged(file.storage_name, minutes)
        aged(orphan(), minutes)
        remove_object(missing)

    with pytest.raises(CommandError, match="1 file missing"):
        call_command("reconcile_files")

    assert "removed: 1 unfinished upload, 1 without a row" in capsys.readouterr().out
    assert sorted(row.state for row in rows(practice)) == ["lost", "ready", "storing"]
    assert len(stored_names()) == 2


def test_a_dry_run_says_the_same_and_does_nothing(keep, capsys, practice):
    keep(state="storing")
    orphan()
    remove_object(keep())
    keep(state="lost")
    before = (stored_names(), [(row.pk, row.state) for row in rows(practice)])

    with pytest.raises(CommandError, match="1 file missing"):
        reconcile(capsys, "--dry-run")

    said = capsys.readouterr().out
    assert "would be removed: 1 unfinished upload, 1 without a row; found again, and would be scanned next: 1" in said
    assert (stored_names(), [(row.pk, row.state) for row in rows(practice)]) == before
    assert compared() == []


def test_what_a_purge_has_begun_with_is_left_to_it_and_named(keep, practice, capsys, chart, make_user):
    file = keep()
    with practice_scope(practice.pk):
        deletion = Deletion.objects.create(
            patient=chart, about="records.Attachment", about_id=file.pk, deleted_by=make_user("admin"), reason="x",
            purge_began_at=timezone.now(),
        )  # fmt: skip
        Attachment.objects.filter(pk=file.pk).update(deletion=deletion)
    remove_object(file)

    said = reconcile(capsys)

    assert f"1 file left to purge_deleted, which had begun with them:\n  {file.pk}" in said
    assert [row.state for row in rows(practice)] == ["ready"]


def test_a_deleted_file_keeps_its_object(keep, practice, capsys, chart, make_user):
    file = keep()
    with practice_scope(practice.pk):
        deletion = Deletion.objects.create(
            patient=chart, about="records.Attachment", about_id=file.pk, deleted_by=make_user("admin"), reason="x"
        )
        Attachment.objects.filter(pk=file.pk).update(deletion=deletion)

    reconcile(capsys)

    assert stored_names() == [file.storage_name]


def test_a_storage_that_does_not_answer_loses_nothing(failing, keep, capsys, practice):
    files = [keep(), keep(state="storing")]
    orphan()

    with failing("delete"), pytest.raises(CommandError, match="storage does not answer"):
        reconcile(capsys)
    assert (len(rows(practice)), len(stored_names())) == (2, 3)

    reconcile(capsys)
    assert stored_names() == [files[0].storage_name]
    assert [event["state"] for event in compared()] == ["stopped", "done"]


def test_a_database_that_knows_of_no_file_has_none_removed(db, practice, capsys):
    names = sorted([orphan(), orphan()])

    with pytest.raises(CommandError, match="knows of not one"):
        reconcile(capsys)

    assert stored_names() == names


class TestAStorageThatIsHardlyTheRightOne:
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

    def test_an_empty_one_loses_no_file(self, either, keep, capsys, practice):
        remove_object(keep())

        self.assert_stopped(capsys, practice, "holds no file at all")
        self.assert_forced(capsys, practice, lost=1, stored=0)

    def test_most_files_are_not_lost_at_once(self, keep, capsys, practice):
        files = [keep() for _ in range(20)]
        for file in files[:11]:
            remove_object(file)

        self.assert_stopped(capsys, practice, "Of 20 files 11 would be marked as missing")
        self.assert_forced(capsys, practice, lost=11, stored=9)

    def test_most_files_are_not_removed_at_once(self, keep, capsys, practice):
        for _ in range(9):
            keep()
        for _ in range(11):
            orphan()

        self.assert_stopped(capsys, practice, "Of 20 files in the storage 11 would be removed")
        self.assert_forced(capsys, practice, lost=0, stored=9)

    @pytest.mark.parametrize(("there", "gone", "orphans"), [(10, 10, 0), (10, 0, 10), (1, 18, 0), (1, 0, 18)])
    def test_half_of_them_or_few_are_nothing_unusual(self, keep, capsys, practice, there, gone, orphans):
        for _ in range(there):
            keep()
        for _ in range(gone):
            remove_object(keep())
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
def test_minutes_that_are_none_are_refused(db, minutes):
    with pytest.raises(CommandError):
        call_command("reconcile_files", f"--older-than={minutes}")
