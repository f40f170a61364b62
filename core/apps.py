"""What is set up once in every process."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core.encryption import checks  # noqa: F401 - registers them

        connection_created.connect(keep_private)


def keep_private(*, connection: Any, **kwargs: Any) -> None:
    """SQLite makes its file for everybody to read. It is the owner's alone: -wal and -shm, which SQLite has made with
    the same mode by now, take the file's whenever they are made anew."""
    if connection.vendor != "sqlite":
        return
    file = Path(connection.settings_dict["NAME"])
    if file.is_file() and file.stat().st_mode & 0o077:
        for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            if path.exists():
                path.chmod(0o600)
