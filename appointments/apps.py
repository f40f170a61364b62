"""App configuration."""

from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "appointments"

    def ready(self) -> None:
        from appointments import deletion_rules, receivers  # noqa: F401 - connects receivers
        from appointments.imports import visits  # noqa: F401 - registers the kind
