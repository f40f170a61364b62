"""A clinic with a row of everything, files, and a place for backups."""

from types import SimpleNamespace

import pytest
from django.conf import settings as configured
from django.core.management import call_command

from core.backups import databases
from core.encryption.key_file import Key
from tests.databases import own_database


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """The storage of files."""
    settings.FILES_DIR = tmp_path / "files"
    settings.STORAGES = {**configured.STORAGES, "files": _in_folder(settings.FILES_DIR)}
    settings.BACKUP_KEY = {1: Key.new()}
    settings.FILES_DIR.mkdir()
    return settings.FILES_DIR


def _in_folder(path):
    return {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": path}}


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


@pytest.fixture
def run(capsys):
    """`run("backup", target)`: what the command prints."""

    def call(*arguments, **options):
        call_command(*map(str, arguments), **options)
        return capsys.readouterr().out

    return call


@pytest.fixture
def new_machine(settings, tmp_path):
    """An empty database and an empty folder of files, in place of those in use: `database` and `files`."""
    (tmp_path / "new").mkdir()
    with own_database(tmp_path / "new") as url:
        settings.BACKUP_DATABASE = _of(url)
        settings.STORAGES = {**configured.STORAGES, "files": _in_folder(tmp_path / "new" / "files")}
        yield SimpleNamespace(database=databases.owned(), files=tmp_path / "new" / "files")
        settings.BACKUP_DATABASE = None


def _of(url):
    scheme, _, rest = url.partition(":///")
    if scheme == "sqlite":
        return {"ENGINE": "core.database.sqlite", "NAME": rest}
    import environ

    return {**environ.Env.db_url_config(url), "ENGINE": "core.tenancy.postgresql"}
