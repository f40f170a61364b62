"""Restoring, and the drill: what comes back, and what stops either."""

import sqlite3
from contextlib import closing

import orjson
import psycopg
import pytest
from django.apps import apps
from django.conf import settings as configured
from django.core.management import CommandError
from django.db import connection

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.backups import catalogue, databases, runs, sealing
from core.backups.stored_files import stored
from core.backups.targets import target_at
from core.encryption.key_file import Key
from core.tenancy.scope import practice_scope
from records.models import Attachment
from records.models.attachment import FileState
from tests.guards.rows import Rows

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]  # they restore whole databases
SQLITE = connection.vendor == "sqlite"


@pytest.fixture
def clinic(practice, make_user, run):
    """A row of everything, its trail sealed; the file of an attachment."""
    Rows(practice, make_user)
    run("audit_seal")
    with practice_scope(practice.pk):
        return Attachment.with_deleted.filter(state=FileState.READY)[0].storage_name


@pytest.fixture
def at_home(settings, folder):
    """`at_home()`: work with the database and the files in use again, and not with the new machine's."""

    def use():
        settings.BACKUP_DATABASE = None
        settings.STORAGES = {**configured.STORAGES, "files": _storage(folder)}

    return use


def _storage(path):
    return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": path}}


@pytest.fixture
def backed_up(settings, clinic, new_machine, at_home, run, target):
    """The backup of the clinic; then an empty machine."""
    new = settings.BACKUP_DATABASE, settings.STORAGES
    at_home()
    run("backup", target)
    manifest = catalogue.read_manifest(target_at(str(target)), catalogue.pick(target_at(str(target))))
    settings.BACKUP_DATABASE, settings.STORAGES = new
    return manifest


def test_round_trip_brings_everything_back(backed_up, new_machine, run, target, folder, at_home):
    filled = {name for name, table in backed_up["tables"].items() if table["rows"]}
    ours = {model._meta.db_table for model in apps.get_models() if model._meta.managed}
    assert len(filled & ours) > 45, sorted(ours - filled)

    said = run("restore", target)

    assert new_machine.database.tables() == backed_up["tables"]
    there = {path.relative_to(new_machine.files): path.read_bytes() for path in new_machine.files.glob("*/*")}
    assert there == {path.relative_to(folder): path.read_bytes() for path in folder.glob("*/*")} != {}
    assert "manage.py migrate" in said and "reconcile_files" in said
    assert ("setup_database_roles" in said) == (connection.vendor == "postgresql")
    assert "cannot be read yet" not in said

    with pytest.raises(CommandError, match="database is not empty"):
        run("restore", target)
    told = [(event.kind, orjson.loads(event.details)) for event in whole_trail().filter(kind__startswith="backup.")]
    assert [(kind, one["backup"], one["state"]) for kind, one in told] == [
        (AuditEvent.BACKED_UP, backed_up["id"], "done"),
        (AuditEvent.BACKUP_RESTORED, backed_up["id"], "done"),
        (AuditEvent.BACKUP_RESTORED, backed_up["id"], "failed"),
    ]
    assert {one["operator"] for _, one in told} == {runs.operator()}


def test_files_that_are_others_stop_it_and_half_restored_ones_do_not(backed_up, new_machine, run, target):
    stray = new_machine.files / "a" / "stray"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"somebody's")
    with pytest.raises(CommandError, match="not empty: it has 1 files"):
        run("restore", target)
    assert new_machine.database.is_empty()
    stray.unlink()

    (copy, *_) = catalogue.read_files(target_at(str(target)), backed_up["id"])
    half = new_machine.files / copy.name
    half.parent.mkdir(exist_ok=True)
    half.write_bytes(b"half")
    assert "Restored" in run("restore", target)
    assert half.stat().st_size == copy.size


def test_damage_is_found_before_anything_is_changed(backed_up, new_machine, run, target, settings, subtests):
    place = target / "backups" / backed_up["id"]
    objects = list(target.glob("objects/*/*"))

    def flip(path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)

    def cut(path):
        path.write_bytes(path.read_bytes()[:-100])

    def cut_at_a_chunk(path):
        path.write_bytes(path.read_bytes()[: sealing.HEADER_BYTES + 1 + 64 * 1024 + 16])

    def swap(path):
        path.write_bytes((place / "seals").read_bytes())

    damages = [(do, place / part) for part in ("database", "files", "manifest") for do in (flip, cut, swap)]
    damages += [(type(place).unlink, place / part) for part in ("database", "seals", "files")]
    damages += [
        (cut_at_a_chunk, place / "database"),
        (flip, objects[0]),
        (cut, objects[0]),
        (type(place).unlink, objects[0]),
    ]
    for damage, path in damages:
        with subtests.test(damage=damage.__name__, path=path.name[:20]):
            whole = path.read_bytes()
            damage(path)
            with pytest.raises(CommandError, match=r"is damaged|cannot be read in"):
                run("restore", target)
            path.write_bytes(whole)
            assert new_machine.database.is_empty()
            assert stored() == {}

    key, settings.BACKUP_KEY = settings.BACKUP_KEY, {1: Key.new()}
    with pytest.raises(CommandError, match="encrypted under another key"):
        run("restore", target)
    settings.BACKUP_KEY = {2: Key.new(), **key}  # a newer one in front
    (place / "manifest").rename(place / "kept")
    with pytest.raises(CommandError, match="There is no backup here"):
        run("restore", target)
    (place / "kept").rename(place / "manifest")
    with pytest.raises(CommandError, match="No backup begins with 1999"):
        run("restore", target, backup="1999")
    assert new_machine.database.is_empty()
    assert "Restored" in run("restore", target, backup=backed_up["id"][:8])


def test_newer_praxis_and_other_keys_are_told(backed_up, new_machine, run, target, settings, monkeypatch):
    monkeypatch.setattr("core.backups.verifying._our_migrations", lambda: {"core.0001_initial"})
    with pytest.raises(CommandError, match="made by a newer Praxis"):
        run("restore", target)
    monkeypatch.undo()
    assert new_machine.database.is_empty()

    settings.AUDIT_KEYS = {1: Key.new()}
    run("restore", target)
    # the words are on stderr, which `run` leaves; the drill has them in its report
    assert not new_machine.database.is_empty()


def test_drill_finds_nothing_in_a_good_backup_and_leaves_nothing(backed_up, at_home, run, target, monkeypatch):
    at_home()
    monkeypatch.setenv("WEB_CONCURRENCY", "2")  # of the server beside it; the drill has no Redis
    before = _databases()

    report = orjson.loads(run("restore_drill", target, json=True))

    assert report["differences"] == []
    assert report["backup"] == backed_up["id"]
    checked = report["checked"]
    assert checked["rows"] == sum(table["rows"] for table in backed_up["tables"].values())
    assert checked["trail seals"] > 0 and checked["trail events"] > 10
    assert checked["decrypted values"] > 100 and checked["decrypted files"] > 0
    assert runs.last_drill().name == backed_up["id"]
    assert whole_trail().filter(kind=AuditEvent.BACKUP_TRIED).count() == 1
    assert _databases() == before


def test_drill_names_what_differs(clinic, folder, run, target, monkeypatch, capsys):
    content = bytearray((folder / clinic).read_bytes())
    content[len(content) // 2] ^= 1  # an error of the disk, which the backup has as well
    (folder / clinic).write_bytes(content)
    run("backup", target)
    restore = type(databases.owned()).restore
    monkeypatch.setattr(type(databases.owned()), "restore", lambda self, chunks: (restore(self, chunks), _tamper(self)))

    before = _databases()
    with pytest.raises(CommandError, match="found"):
        run("restore_drill", target)
    said = capsys.readouterr().out

    assert "practices_office: " in said and "rows were backed up" in said
    assert "The trail was altered" in said
    assert "cannot be decrypted" in said
    assert SQLITE or "practices_practice: the content of a row differs" in said
    assert _databases() == before
    assert runs.last_drill() is None

    monkeypatch.undo()
    copy = next(target.glob("objects/*/*"))
    copy.write_bytes(bytes(copy.stat().st_size))
    with pytest.raises(CommandError, match="found"):
        run("restore_drill", target)
    assert f"{copy.name} is damaged" in capsys.readouterr().out


def _tamper(database):
    """Delete a row, change one, and change the trail, past all triggers."""
    delete = "DELETE FROM practices_office WHERE id IN (SELECT id FROM practices_office LIMIT 1)"
    change = "UPDATE practices_practice SET name = 'Another'"
    trail = "UPDATE audit_event SET request_id = 'x' WHERE id IN (SELECT id FROM audit_event ORDER BY id LIMIT 1)"
    if SQLITE:
        with closing(sqlite3.connect(database.path)) as opened:
            for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                opened.execute(f"DROP TRIGGER {name}")
            for statement in (delete, change, trail):
                opened.execute(statement)
            opened.commit()
        return
    with psycopg.connect(database.url()) as opened:
        opened.execute("SET session_replication_role = replica")
        for statement in (delete, change, trail):
            opened.execute(statement)


def _databases():
    """Return what is beside the database."""
    database = databases.owned()
    if SQLITE:
        return {path.name for path in database.path.parent.iterdir() if path.is_dir()}
    with psycopg.connect(database.url()) as opened:
        return {name for (name,) in opened.execute("SELECT datname FROM pg_database WHERE datname LIKE '%drill%'")}
