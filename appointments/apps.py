"""What is set up once in every process."""

from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "appointments"

    def ready(self) -> None:
        from appointments import declined, deleted  # noqa: F401 - they listen
