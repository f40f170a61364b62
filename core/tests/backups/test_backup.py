"""Making backups: what is in them, what interrupts them, what they refuse, what is removed."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.core.management import CommandError

from core.backups import catalogue, databases, pruning, runs
from core.backups.making import Backup, Silent
from core.backups.models import RunKind
from core.backups.targets import Folder, target_at
from core.backups.verifying import Verified
from core.encryption.key_file import entry_of

pytestmark = pytest.mark.django_db(transaction=True)


def fill(folder, count, *, size=20_000):
    for number in range(count):
        path = folder / f"{number % 16:x}" / f"{number:032x}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))


def objects(target):
    return [path for path in target.glob("objects/*/*") if path.is_file()]


def test_second_backup_copies_only_what_is_new(run, target, folder):
    fill(folder, 20)
    assert "(20 new)" in run("backup", target)
    before = runs.last_backup()

    fill(folder, 21)  # the content of the others changes, which storage never does: they are copied no more
    for path in folder.glob("?/*"):
        os.utime(path)
    said = run("backup", target, keep_all=True)

    assert "21 files (1 new)" in said
    assert runs.last_backup().ended_at > before.ended_at
    assert len(objects(target)) == 21
    assert "is as it was written" in run("backup", target, check=True)
    assert len(run("backup", target, list=True).splitlines()) == 2


def test_backup_shows_nothing_of_what_is_in_it(run, target, practice):
    run("backup", target)

    written = b"".join(path.read_bytes() for path in target.rglob("*") if path.is_file())
    assert practice.name.encode() not in written
    assert b"patients_patient" not in written
    assert {path.stat().st_mode & 0o077 for path in target.rglob("*")} == {0}


def test_killed_backup_leaves_the_earlier_one_good_and_the_next_continues(run, target, folder, settings):
    fill(folder, 3)
    run("backup", target)
    (good,) = catalogue.backup_ids(target_at(str(target)))
    fill(folder, 600)

    process = start_backup(target, folder, settings.BACKUP_KEY[1])
    while len(objects(target)) < 10:
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert catalogue.backup_ids(target_at(str(target))) == [good]
    Verified(target_at(str(target)), good).check_files()
    work = Backup(target_at(str(target)))
    manifest = work.run()
    assert 0 < work.copied < 600  # the one that was on its way may be among them
    assert manifest["files"]["count"] == 600
    assert not list(target.rglob("*.part"))
    verified = Verified(target_at(str(target)), manifest["id"])
    verified.check_files()
    assert len(verified.files) == 600


def test_killed_while_the_database_is_written(run, target, settings, monkeypatch):
    run("backup", target)
    ids = catalogue.backup_ids(target_at(str(target)))

    class Killed(BaseException):
        pass

    class Killing(Silent):
        def advance(self, size):
            raise Killed

    monkeypatch.setattr(Path, "unlink", lambda *args, **options: None)  # nobody tidies up
    with pytest.raises(Killed):
        Backup(target_at(str(target)), steps=Killing()).run()
    monkeypatch.undo()

    assert len(list(target.glob("backups/*"))) == 2
    assert catalogue.backup_ids(target_at(str(target))) == ids
    run("backup", target, keep_all=True)
    assert len(list(target.glob("backups/*"))) == 2


def start_backup(target, folder, key):
    environment = {
        **os.environ,
        "DATABASE_URL": databases.owned().url(),
        "FILES_DIR": str(folder),
        "BACKUP_KEY": entry_of(1, key),
    }
    command = [sys.executable, "manage.py", "backup", str(target)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=configured.BASE_DIR, env=environment, **pipes)


def test_left_behind_file_is_read_before_it_is_trusted(target, folder):
    fill(folder, 1)
    (file,) = folder.glob("?/*")
    Backup(target_at(str(target))).run()
    (copy,) = objects(target)
    for path in target.glob("backups/*/manifest"):
        path.unlink()  # it was killed before its end
    copy.write_bytes(bytes(copy.stat().st_size))  # and the power was lost

    work = Backup(target_at(str(target)))
    manifest = work.run()

    assert work.copied == 1
    assert Verified(target_at(str(target)), manifest["id"]).files[0].name == file.relative_to(folder).as_posix()
    assert objects(target)[0].read_bytes() == file.read_bytes()


def test_only_one_at_a_time(run, target):
    run("backup", target)
    with target_at(str(target)).lock(), pytest.raises(CommandError, match="Another backup"):
        run("backup", target)
    with databases.owned().lock(), pytest.raises(CommandError, match="Another backup"):
        run("backup", target.with_name("elsewhere"))
    run("backup", target)


def test_what_changes_meanwhile_leaves_the_backup_consistent(target, folder, new_machine, settings, run):
    new = settings.BACKUP_DATABASE
    settings.BACKUP_DATABASE = None
    settings.STORAGES = {**configured.STORAGES, "files": _storage(folder)}
    fill(folder, 4)

    class Desk(Silent):
        """Somebody who writes, purges and uploads while the database is dumped."""

        def begin(self, what, total):
            if what == "database":
                runs.record(RunKind.DRILL, name="", began_at=datetime.now(UTC), is_good=True)
                next(folder.glob("?/*")).unlink()
                (folder / "f" / f"f{0:031x}").parent.mkdir(exist_ok=True)
                (folder / "f" / f"f{0:031x}").write_bytes(b"new")

    manifest = Backup(target_at(str(target)), steps=Desk()).run()
    assert runs.last_drill() is not None

    assert manifest["tables"]["backups_run"]["rows"] == 0
    assert manifest["files"]["count"] == 5  # the purged one as well: the dumped database names it
    settings.BACKUP_DATABASE = new
    settings.STORAGES = {**configured.STORAGES, "files": _storage(new_machine.files)}
    assert "5 files" in run("restore", target)
    assert new_machine.database.tables() == manifest["tables"]


def _storage(path):
    return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": path}}


def test_target_that_will_not_do_is_refused(run, target, folder, settings, monkeypatch):
    folder.joinpath("inside").mkdir()
    for place in (folder, folder / "inside" / "deep"):
        with pytest.raises(CommandError, match="inside of FILES_DIR"):
            run("backup", place)
    with pytest.raises(CommandError, match="a folder or s3"):
        run("backup", "ftp://example.org/x")
    with pytest.raises(CommandError, match="Say where"):
        run("backup")
    target.write_text("a file")
    with pytest.raises(CommandError, match="cannot be written to"):
        run("backup", target)
    target.unlink()

    monkeypatch.setattr(Folder, "free", lambda self: 1_000_000)
    with pytest.raises(CommandError, match="too little room"):
        run("backup", target)
    monkeypatch.undo()
    assert runs.last_backup() is None
    assert not list(target.glob("backups/*/manifest"))

    settings.BACKUP_KEY = {}
    with pytest.raises(CommandError, match="BACKUP_KEY is not set"):
        run("backup", target)


def test_disk_that_fills_up_leaves_no_half_backup(run, target, monkeypatch):
    run("backup", target)
    ids = catalogue.backup_ids(target_at(str(target)))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CommandError, match="is full"):
        run("backup", target)
    monkeypatch.undo()

    assert catalogue.backup_ids(target_at(str(target))) == ids
    assert not list(target.rglob("*.part"))


@pytest.fixture
def disk(target):
    """The target is a disk of its own; `disk(megabytes)` gives it so much room beside what is there."""
    target.mkdir()

    def mount(megabytes, *options):
        size = sum(path.stat().st_blocks * 512 for path in target.rglob("*")) // 2**20 + 1 + megabytes
        command = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={size}m,mode=700", *options)), "praxis", str(target)]
        return subprocess.run(command, capture_output=True, check=False).returncode

    if mount(64):
        pytest.skip("only root may mount a disk")
    yield lambda megabytes: mount(megabytes, "remount")
    subprocess.run(["umount", str(target)], check=True)


def test_disk_that_is_really_full_leaves_the_earlier_backup_and_goes_on_with_more_room(
    run, target, disk, folder, monkeypatch
):
    run("backup", target)
    ids = catalogue.backup_ids(target_at(str(target)))
    fill(folder, 200)
    assert disk(1) == 0
    monkeypatch.setattr(Folder, "free", lambda self: None)  # there was room, and somebody else takes it meanwhile
    with pytest.raises(CommandError, match="is full"):
        run("backup", target)
    assert catalogue.backup_ids(target_at(str(target))) == ids
    Verified(target_at(str(target)), ids[0]).check_files()

    assert disk(64) == 0
    work = Backup(target_at(str(target)))
    manifest = work.run()
    assert 0 < work.copied < 200 == manifest["files"]["count"]
    Verified(target_at(str(target)), manifest["id"]).check_files()


def test_rule_keeps_days_weeks_months_and_the_newest():
    begin = datetime(2026, 1, 1, 1, 0, tzinfo=UTC)
    moments = [begin + timedelta(hours=12 * number) for number in range(2 * 365)]
    ids = [f"{moment:%Y%m%dT%H%M%S}.000Z" for moment in moments]

    stays = sorted(pruning.backups_to_keep(ids, pruning.RetentionPolicy(7, 5, 12)))

    days = sorted({one[:8] for one in stays})
    assert len(stays) == len(days)
    assert stays[-7:] == ids[-13::2]  # the newest of each day
    assert [one[:8] for one in stays if one.startswith("202607")] == ["20260731"]
    assert days[0] == "20260131"
    assert len(days) == 7 + 3 + 11  # one week and one month end among the days
    assert pruning.backups_to_keep(ids[:3], pruning.RetentionPolicy(0, 0, 1)) == {ids[2]}


def test_old_backups_go_with_their_files(run, target, folder, settings):
    settings.BACKUP_KEEP = (1, 0, 0)
    fill(folder, 3)
    run("backup", target)
    next(folder.glob("?/*")).unlink()

    said = run("backup", target)

    (left,) = catalogue.backup_ids(target_at(str(target)))
    assert "Removed by the rule" in said and left not in said.partition("Removed")[2]
    assert len(objects(target)) == 2
    run("backup", target, keep_all=True)
    assert len(catalogue.backup_ids(target_at(str(target)))) == 2

    for path in target.glob(f"backups/{left}/files"):
        path.write_bytes(b"damaged")  # it may name files that no other names
    settings.BACKUP_KEEP = (0, 0, 1)
    run("backup", target)  # the damaged one goes, its own files as well

    newest = catalogue.pick(target_at(str(target)))
    for path in target.glob(f"backups/{newest}/files"):
        path.write_bytes(b"damaged")
    before = objects(target)
    monthly = pruning.RetentionPolicy(9, 9, 9)
    with pytest.raises(Exception, match="No old backup was removed"):
        pruning.prune(target_at(str(target)), monthly)
    assert objects(target) == before


@pytest.mark.production
def test_bucket(run, folder, settings, s3_url, new_machine):
    import boto3

    access = {"endpoint_url": s3_url, "region_name": "us-east-1"}
    client = boto3.client("s3", **access, aws_access_key_id="test", aws_secret_access_key="test")
    client.create_bucket(Bucket="praxis-backups")
    settings.FILES_S3_OPTIONS = {**access, "access_key": "test", "secret_key": "test"}
    new, settings.BACKUP_DATABASE = settings.BACKUP_DATABASE, None
    settings.STORAGES = {**configured.STORAGES, "files": _storage(folder)}
    fill(folder, 3)

    assert "(3 new)" in run("backup", "s3://praxis-backups/clinic")
    settings.BACKUP_KEEP = (1, 0, 0)
    assert "(0 new)" in run("backup", "s3://praxis-backups/clinic")
    assert "is as it was written" in run("backup", "s3://praxis-backups/clinic", check=True)
    assert len(run("backup", "s3://praxis-backups/clinic", list=True).splitlines()) == 1
    keys = [one["Key"] for one in client.list_objects_v2(Bucket="praxis-backups")["Contents"]]
    assert len(keys) == 3 + 4 and all(key.startswith("clinic/") for key in keys)

    settings.BACKUP_DATABASE = new
    settings.STORAGES = {**configured.STORAGES, "files": _storage(new_machine.files)}
    assert "3 files" in run("restore", "s3://praxis-backups/clinic")
    with pytest.raises(CommandError, match="cannot be used"):
        run("backup", "s3://no-such-bucket/clinic")
