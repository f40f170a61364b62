"""What is set up once in every process."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "records"

    def ready(self) -> None:
        from records import deleted  # noqa: F401 - it listens, and says what may be deleted
