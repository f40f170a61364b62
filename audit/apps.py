"""App configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"

    def ready(self) -> None:
        from audit.auditlog_adapter import record_new_row
        from audit.registry import follow_models

        follow_models(record_new_row=record_new_row)
