"""`manage.py create_practice`: a new tenant. It is here because practices/ must not import accounts/."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts.passwords.prompt import ask_password
from accounts.users.services import open_practice
from core.errors import Refusal
from core.texts import validate_name


class Command(BaseCommand):
    help = (
        "Create a practice with its first office manager, and print the join code that its patients register with. "
        "The office manager's password is asked for, or read from standard input with --password-stdin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the practice's name, such as 'Riverside Chiropractic'")
        parser.add_argument("--timezone", required=True, help="its IANA time zone, such as America/New_York")
        parser.add_argument("--admin-email", required=True, help="what the office manager signs in with")
        parser.add_argument("--admin-name", default="Office manager", help="the office manager's name")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            validate_email(options["admin_email"])
        except ValidationError as error:
            raise CommandError("--admin-email is not a valid email address.") from error
        try:
            validate_name(options["admin_name"])
            manager = open_practice(
                email=options["admin_email"],
                name=options["admin_name"],
                password=ask_password("the office manager", from_stdin=options["password_stdin"]),
                practice_name=options["name"],
                timezone=options["timezone"],
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except Refusal as error:
            raise CommandError(error.detail) from error
        practice = manager.practice
        assert practice is not None
        self.stdout.write(self.style.SUCCESS(f"Created the practice {practice.name} and its office manager."))
        self.stdout.write(f"Patients register with the join code {practice.join_code}.")
