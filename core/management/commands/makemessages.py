"""Writes the catalogue; in the place of Django's command, which needs GNU gettext and writes line numbers and dates."""

from typing import Any

from django.core.management.base import BaseCommand

from core import catalogue


class Command(BaseCommand):
    help = "Collect every text of the code and the templates into locale/en/LC_MESSAGES/django.po."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        for path in catalogue.update():
            self.stdout.write(f"Wrote {path.relative_to(catalogue.ROOT)}.")
