"""The app's configuration."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "records"

    def ready(self) -> None:
        from records import deletion_rules  # noqa: F401 - connects its receivers and registers what may be deleted
