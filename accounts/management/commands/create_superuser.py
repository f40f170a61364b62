"""`manage.py create_superuser`: the platform's first account, for a deployment's start script."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts.users.services import ensure_superuser
from core.errors import Refusal


class Command(BaseCommand):
    help = (
        "Create the platform superuser that FIRST_SUPERUSER_EMAIL and FIRST_SUPERUSER_PASSWORD name. It belongs to no "
        "practice and works in the admin site. If it already exists, nothing changes."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        email, password = settings.FIRST_SUPERUSER_EMAIL, settings.FIRST_SUPERUSER_PASSWORD
        if not email or not password:
            raise CommandError("Set FIRST_SUPERUSER_EMAIL and FIRST_SUPERUSER_PASSWORD in the environment or in .env.")
        try:
            validate_email(email)
            _, is_new = ensure_superuser(email=email, password=password)
        except ValidationError as error:
            raise CommandError("FIRST_SUPERUSER_EMAIL is not a valid email address.") from error
        except Refusal as error:
            raise CommandError(error.detail) from error
        if is_new:
            self.stdout.write(self.style.SUCCESS("Created the platform superuser."))
        else:
            self.stdout.write("The platform superuser already exists; its password was not changed.")
