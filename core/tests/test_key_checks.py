"""`manage.py check --deploy` on the encryption keys."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import DatabaseError

from core.encryption import checks, key_file
from core.encryption.rotation import Rotation
from patients.tests.factories import PatientFactory


@pytest.fixture
def keys(settings):
    """`keys(3, None)`: a ring of two keys, made three days ago and on an unknown day; the older is the tests' own."""
    (known,) = settings.FIELD_ENCRYPTION_KEYS.values()

    def install(*ages):
        today, ids = datetime.now(UTC).date(), range(len(ages), 0, -1)
        made = [None if age is None else today - timedelta(days=age) for age in ages]
        secrets = [*(key_file.Key.new() for _ in ages[1:]), known]
        settings.FIELD_ENCRYPTION_KEYS = {
            key_id: key_file.Key(secret, day) for key_id, secret, day in zip(ids, secrets, made, strict=True)
        }

    return install


def warnings():
    found = [*checks.check_age(None), *checks.check_retired(None), *checks.check_file(None)]
    return [(message.id, message.msg) for message in found]


def test_new_key_gives_no_warning(db, keys):
    for age in (0, 90):
        keys(age)
        assert warnings() == []


def test_old_key_gives_a_warning_with_its_age(db, keys):
    keys(91)
    assert warnings() == [("praxis.W102", "Key 1 of FIELD_ENCRYPTION_KEYS is 91 days old; rotate keys every 90 days.")]


def test_key_of_unknown_age_gives_a_warning(db, keys):
    keys(None)
    assert warnings() == [("praxis.W101", "The age of key 1 of FIELD_ENCRYPTION_KEYS is unknown.")]


def test_age_of_older_keys_is_not_checked(db, keys):
    keys(1, 400)
    assert warnings() == []


def test_rows_under_a_retired_key_give_a_warning_until_they_are_moved(scope, keys):
    PatientFactory()
    keys(1, 30)
    assert warnings() == [("praxis.W103", "Rows are still encrypted under a retired key, not under key 2.")]
    call_command("rotate_keys", "--restarted")
    assert warnings() == []


def test_with_one_key_no_table_is_read(keys, django_assert_num_queries, db):
    keys(1)
    with django_assert_num_queries(0):
        assert warnings() == []


def test_without_a_database_it_only_informs(db, keys, monkeypatch):
    def refuse(self):
        raise DatabaseError

    keys(1, 30)
    monkeypatch.setattr(Rotation, "is_needed", refuse)
    (message,) = checks.check_retired(None)
    assert (message.id, message.level < 30) == ("praxis.I101", True)


@pytest.mark.parametrize(("mode", "expected"), [(0o600, []), (0o640, []), (0o644, ["praxis.W104"])])
def test_world_readable_file_gives_a_warning(tmp_path, settings, mode, expected):
    path = tmp_path / "keys"
    path.touch()
    key_file.write(path, {1: key_file.Key.new()})
    path.chmod(mode)
    settings.FIELD_ENCRYPTION_KEYS_FILE = path
    assert [message.id for message in checks.check_file(None)] == expected


def test_secret_mounted_read_only_may_be_readable(tmp_path, settings, monkeypatch):
    path = tmp_path / "keys"
    path.touch(mode=0o444)
    settings.FIELD_ENCRYPTION_KEYS_FILE = path
    monkeypatch.setattr(checks.os, "statvfs", lambda path: SimpleNamespace(f_flag=checks.os.ST_RDONLY))
    assert checks.check_file(None) == []


def test_checks_run_only_with_deploy(db, keys, capsys):
    keys(91)
    call_command("check", "--deploy")
    assert "Key 1 of FIELD_ENCRYPTION_KEYS is 91 days old" in capsys.readouterr().err
    call_command("check")
    assert "days old" not in capsys.readouterr().err
