"""`manage.py changepassword`: Django's own would bypass the audit trail and leave sessions open."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.passwords.prompt import ask_password
from accounts.passwords.services import set_password
from core.errors import Refusal
from core.tenancy.scope import installation_scope


class Command(BaseCommand):
    help = (
        "Set the password of the account with this email; every session of it ends. The password is asked for, or read "
        "from standard input with --password-stdin."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the email that the person signs in with")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )

    @installation_scope()
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.all_practices.with_email(options["email"])
        if user is None:
            raise CommandError("No account has this email.")
        password = ask_password("this account", from_stdin=options["password_stdin"])
        try:
            set_password(user=user, by=None, password=password)
        except Refusal as error:
            raise CommandError(error.detail) from error
        self.stdout.write(self.style.SUCCESS("Password set. Every session of this account has ended."))
