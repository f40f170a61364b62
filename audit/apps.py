"""App configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        from audit import auditlog_adapter  # noqa: F401 - connects its receiver
        from audit.registry import follow_models

        follow_models()
