"""`manage.py createsuperuser`: Django's own name for it, which points to ours."""

from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Use create_superuser, with an underscore: it takes FIRST_SUPERUSER_EMAIL and FIRST_SUPERUSER_PASSWORD."
    requires_system_checks = ()

    def run_from_argv(self, argv: list[str]) -> None:
        super().run_from_argv(argv[:2])  # ignore the options of Django's own command

    def handle(self, *args: Any, **options: Any) -> NoReturn:
        raise CommandError(
            "Set FIRST_SUPERUSER_EMAIL and FIRST_SUPERUSER_PASSWORD, then run: manage.py create_superuser"
        )
