"""`manage.py changepassword`: Django's own would go around the trail, and leave open what the old one opened."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.management.passwords import ask
from accounts.models import User
from accounts.services import set_password
from core.errors import Refusal
from core.tenancy import installation_scope


class Command(BaseCommand):
    help = (
        "Set the password of the account with this email; every session of it ends. The password is asked for, or read "
        "from standard input with --password-stdin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="what the person signs in with")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )

    @installation_scope()
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.sign_in.with_email(options["email"])
        if user is None:
            raise CommandError("No account has this email.")
        password = ask("this account", from_stdin=options["password_stdin"])
        try:
            set_password(user=user, by=None, password=password)
        except Refusal as error:
            raise CommandError(error.detail) from error
        self.stdout.write(self.style.SUCCESS("The password is set; every session of this account has ended."))
