"""App configuration."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        from accounts.visibility import Charts, register_charts
        from patients import (
            message_facts,  # noqa: F401 - says what messages about charts are made of
            publishing,  # noqa: F401 - tells programs and pages
            receivers,
        )
        from patients.imports import charts  # noqa: F401 - registers the kind
        from patients.restriction import services as restriction  # importing receivers connects them

        register_charts(Charts(restriction.accounts_inaccessible_to, receivers.charts_of_accounts))
