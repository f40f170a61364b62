"""App configuration."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        from accounts.visibility import Charts, register_charts
        from patients import publishing, receivers  # noqa: F401 - importing them connects them
        from patients.restriction import services as restriction

        register_charts(Charts(restriction.accounts_inaccessible_to, receivers.charts_of_accounts))
