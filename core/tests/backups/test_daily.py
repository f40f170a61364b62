"""The daily backup, the warning when there is none, and the update that begins with one."""

import os
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.utils import timezone

from config.checks import check_database
from config.jobs import back_up
from core.backups import catalogue, runs
from core.backups.models import Run
from core.backups.targets import target_at
from core.encryption.key_file import entry_of
from notifications.jobs import Again, GiveUp, registry
from tests import databases

pytestmark = pytest.mark.django_db(transaction=True)


def warnings():
    return [one.msg for one in check_database(None, databases=["default"]) if one.id == "praxis.W029"]


def test_worker_backs_up_each_day_where_it_is_told_to(settings, target, run):
    assert registry.RHYTHMS["backup.daily"].daily_at
    back_up()
    assert (runs.last_backup(), warnings()) == (None, [])

    settings.BACKUP_TARGET = str(target)
    assert warnings() == ["No backup was made yet."]
    back_up()
    assert catalogue.backup_ids(target_at(str(target))) == [runs.last_backup().name]
    assert warnings() == []

    Run.objects.update(ended_at=timezone.now() - timedelta(hours=27))
    (warning,) = warnings()
    assert "The last backup was made on" in warning


def test_worker_says_what_kept_it_from_it(settings, target):
    settings.BACKUP_TARGET = str(target)
    back_up()
    with target_at(str(target)).lock(), pytest.raises(Again):
        back_up()
    settings.BACKUP_TARGET = str(settings.FILES_DIR)
    with pytest.raises(GiveUp, match="was not made"):
        back_up()


def test_worker_stops_when_told(settings, target, monkeypatch, folder):
    settings.BACKUP_TARGET = str(target)
    for number in range(50):
        (folder / f"{number:032x}").write_bytes(b"x")
    monkeypatch.setattr("config.jobs.stopping", lambda: True)
    with pytest.raises(Again):
        back_up()
    assert catalogue.backup_ids(target_at(str(target))) == []
    assert len(list(target.glob("objects/*/*"))) < 25, "what was not begun is not begun any more"


@pytest.mark.slow
def test_upgrade_backs_up_migrates_and_can_be_run_again(tmp_path, target, folder, settings, run):
    key = entry_of(1, settings.BACKUP_KEY[1])
    environment = {**os.environ, "REDIS_URL": "", "BACKUP_KEY": key, "FILES_DIR": str(folder)}
    with databases.own_database(tmp_path) as url:
        databases.migrate(url)

        def manage(*arguments):
            return databases.manage_as_owner(url, *arguments, environment=environment)

        manage("migrate", "backups", "zero", "--verbosity", "0")  # the release before
        with pytest.raises(RuntimeError, match="Set BACKUP_TARGET"):
            manage("upgrade", "--role", databases.ROLE)
        assert "[ ]" in manage("showmigrations", "backups")

        said = manage("upgrade", "--role", databases.ROLE, "--target", str(target))
        (made,) = catalogue.backup_ids(target_at(str(target)))
        assert f"Backup {made}" in said and "1 migrations" in said and "Restart every server" in said
        assert "backups_run" not in catalogue.read_manifest(target_at(str(target)), made)["tables"]
        assert "No migration is due." in manage("upgrade", "--role", databases.ROLE)
        assert catalogue.backup_ids(target_at(str(target))) == [made]


def test_place_must_be_said(run):
    with pytest.raises(CommandError, match="Say where the backups are"):
        run("restore_drill")
