"""App configuration."""

from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.urls.converters import UUIDConverter
from django.utils.module_loading import autodiscover_modules
from django.views import debug


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import form_sentences, translations
        from core.api import exceptions, sentences
        from core.encryption import checks  # noqa: F401 - registers them
        from core.monitoring import gauges  # noqa: F401 - before those of the apps

        autodiscover_modules("metrics")  # each app's `metrics.py` says what is worth watching of it

        # RFC 4122, 3: written in lower case and "case insensitive on input"; Swift writes ids in capitals
        UUIDConverter.regex = UUIDConverter.regex.replace("a-f", "a-fA-F")
        # people use the demo, which runs with DEBUG: unknown addresses show the site's page, not Django's list of URLs
        debug.technical_404_response = exceptions.not_found
        sentences.use()
        form_sentences.use()
        translations.compile_stale()
        connection_created.connect(restrict_sqlite_permissions)


def restrict_sqlite_permissions(*, connection: Any, **kwargs: Any) -> None:
    """Make SQLite's files readable by their owner only; SQLite creates them readable by everyone.

    The -wal and -shm files exist by now with the same mode; created anew, they take that of the database file.
    """
    if connection.vendor != "sqlite":
        return
    file = Path(connection.settings_dict["NAME"])
    if file.is_file() and file.stat().st_mode & 0o077:
        for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
            if path.exists():
                path.chmod(0o600)
