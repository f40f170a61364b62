"""What is set up once in every process."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        from audit.registry import follow_models

        follow_models()
