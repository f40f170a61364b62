"""`manage.py create_practice`: a new tenant. It is here because practices/ must not import accounts/."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email

from accounts.models import User
from accounts.passwords import reset
from accounts.passwords.prompt import ask_password
from accounts.users.services import open_practice
from core.errors import Refusal
from core.texts import validate_name


class Command(BaseCommand):
    help = (
        "Create a practice with its first office manager, and print the link with which they choose a password, "
        "and the join code that patients register with. With --send the link is mailed instead; with --password-stdin "
        "the password is read from standard input."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the practice's name, such as 'Riverside Chiropractic'")
        parser.add_argument("--timezone", required=True, help="its IANA time zone, such as America/New_York")
        parser.add_argument("--admin-email", required=True, help="what the office manager signs in with")
        parser.add_argument("--admin-name", default="Office manager", help="the office manager's name")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--send", action="store_true", help="mail the link to the office manager, and print none")
        how.add_argument(
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
                password=ask_password("the office manager", from_stdin=True) if options["password_stdin"] else None,
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
        if not options["password_stdin"]:
            self._invite(manager, send=options["send"])
        self.stdout.write(f"Patients register with the join code {practice.join_code}.")

    def _invite(self, manager: User, *, send: bool) -> None:
        if send:
            reset.send_first_link(user=manager)
            self.stdout.write("The link with which the office manager chooses a password is on its way by mail.")
        else:
            self.stdout.write(f"The office manager chooses a password here, within {reset.MINUTES} minutes:")
            self.stdout.write(reset.link_for(manager))
        self.stdout.write("If it has expired, manage.py changepassword EMAIL --link prints another.")
