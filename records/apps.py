"""The app's configuration."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "records"

    def ready(self) -> None:
        from records import deletion_rules  # noqa: F401 - connects its receivers and registers what may be deleted
        from records.chart_lists import receivers  # noqa: F401 - keeps a chart's texts and lists the same
        from records.forms import due as forms_due  # noqa: F401 - the same of forms
        from records.notes import due  # noqa: F401 - registers what the calendar says is due
