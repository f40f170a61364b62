"""The database in use, as its owner sees it."""

from typing import Any

from django.conf import settings
from django.db import connection

from core.backups.dumps import Database
from core.backups.errors import BackupError
from core.backups.postgresql import Postgresql
from core.backups.sqlite import Sqlite


def owned() -> Database:
    """Return the database, through BACKUP_DATABASE_URL if that is set."""
    given: dict[str, Any] = settings.BACKUP_DATABASE or connection.settings_dict
    if "postgresql" in given["ENGINE"]:
        return Postgresql.of(given)
    if "sqlite" in given["ENGINE"]:
        return Sqlite(str(given["NAME"]))
    raise BackupError("Only PostgreSQL and SQLite are backed up.")
