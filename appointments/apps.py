"""App configuration."""

from django.apps import AppConfig


class AppointmentsConfig(AppConfig):
    name = "appointments"

    def ready(self) -> None:
        from appointments import deletion_rules, publishing, receivers  # noqa: F401 - connects receivers
        from appointments.messages import source  # noqa: F401 - says what messages are about
        from appointments.visit_links import services  # noqa: F401 - answers text messages
