"""`manage.py remove_old_imports`: the text of files that were imported is kept for a week at most."""

from typing import Any

from django.core.management.base import BaseCommand

from patients.imports import services
from practices.services import each_practice


class Command(BaseCommand):
    help = (
        "Remove the text of files that were uploaded to be imported more than a week ago, and imports that were never "
        "begun. For a daily schedule; the page Import does the same for its practice when it is opened."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        removed = sum(services.remove_old() for _practice in each_practice())
        self.stdout.write(f"Removed the text of {removed:,} imports.")
