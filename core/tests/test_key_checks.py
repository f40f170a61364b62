"""What `manage.py check --deploy` says of the keys."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from core.encryption import checks, ring
from core.encryption.rotation import Rotation
from patients.tests.factories import PatientFactory


@pytest.fixture
def keys(settings):
    """`keys(3, None)`: a ring of two keys, made three days ago and on an unknown day; the older is the tests' own."""
    (known,) = settings.FIELD_ENCRYPTION_KEYS.values()

    def install(*ages):
        today, ids = datetime.now(UTC).date(), range(len(ages), 0, -1)
        made = [None if age is None else today - timedelta(days=age) for age in ages]
        secrets = [*(ring.Key.new() for _ in ages[1:]), known]
        settings.FIELD_ENCRYPTION_KEYS = {
            key_id: ring.Key(secret, day) for key_id, secret, day in zip(ids, secrets, made, strict=True)
        }

    return install


def said():
    found = [*checks.check_age(None), *checks.check_retired(None), *checks.check_file(None)]
    return [(message.id, message.msg) for message in found]


def test_a_young_key_is_fine(db, keys):
    for age in (0, 90):
        keys(age)
        assert said() == []


def test_an_old_key_is_told_with_its_age(db, keys):
    keys(91)
    assert said() == [("praxis.W102", "Key 1 of FIELD_ENCRYPTION_KEYS is 91 days old, more than 90.")]


def test_a_key_of_unknown_age_is_told(db, keys):
    keys(None)
    assert said() == [("praxis.W101", "Nobody can tell how old key 1 of FIELD_ENCRYPTION_KEYS is.")]


def test_only_the_newest_key_has_to_be_young(db, keys):
    keys(1, 400)
    assert said() == []


def test_rows_under_a_retired_key_are_told_until_they_are_moved(scope, keys):
    PatientFactory()
    keys(1, 30)
    assert said() == [("praxis.W103", "Rows are still encrypted under a retired key, not under key 2.")]
    call_command("rotate_keys", "--restarted")
    assert said() == []


def test_with_one_key_no_table_is_asked(keys, django_assert_num_queries, db):
    keys(1)
    with django_assert_num_queries(0):
        assert said() == []


def test_without_a_database_it_says_so_and_fails_nothing(db, keys, monkeypatch):
    def refuse(self):
        raise DatabaseError

    keys(1, 30)
    monkeypatch.setattr(Rotation, "is_needed", refuse)
    (message,) = checks.check_retired(None)
    assert (message.id, message.level < 30) == ("praxis.I101", True)


@pytest.mark.parametrize(("mode", "told"), [(0o600, []), (0o640, []), (0o644, ["praxis.W104"])])
def test_a_file_for_everybody_to_read_is_told(tmp_path, settings, mode, told):
    path = tmp_path / "keys"
    path.touch()
    ring.write(path, {1: ring.Key.new()})
    path.chmod(mode)
    settings.FIELD_ENCRYPTION_KEYS_FILE = path
    assert [message.id for message in checks.check_file(None)] == told


def test_a_secret_mounted_read_only_may_be_readable(tmp_path, settings, monkeypatch):
    path = tmp_path / "keys"
    path.touch(mode=0o444)
    settings.FIELD_ENCRYPTION_KEYS_FILE = path
    monkeypatch.setattr(checks.os, "statvfs", lambda path: SimpleNamespace(f_flag=checks.os.ST_RDONLY))
    assert checks.check_file(None) == []


def test_check_deploy_asks_them(db, keys, capsys):
    keys(91)
    call_command("check", "--deploy")
    assert "Key 1 of FIELD_ENCRYPTION_KEYS is 91 days old" in capsys.readouterr().err
    call_command("check")
    assert "days old" not in capsys.readouterr().err
