from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class NotificationsConfig(AppConfig):
    name = "notifications"

    def ready(self) -> None:
        from notifications.webhooks import delivery  # noqa: F401 - it listens to events, and has jobs

        autodiscover_modules("jobs")  # each app's `jobs.py` says what the worker does for it
