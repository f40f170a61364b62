"""App configuration."""

from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "appointments"

    def ready(self) -> None:
        from appointments import deletion_rules, live, publishing, receivers  # noqa: F401 - connects receivers
