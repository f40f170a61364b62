"""The app's configuration."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import export, receivers  # noqa: F401 - connects them
        from billing.messages import source  # noqa: F401 - says what messages are about
