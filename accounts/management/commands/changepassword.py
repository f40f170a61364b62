"""`manage.py changepassword`: Django's own would bypass the audit trail and leave sessions open."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.passwords import reset
from accounts.passwords.prompt import ask_password
from accounts.passwords.services import set_password
from core.errors import Refusal
from core.tenancy.scope import installation_scope


class Command(BaseCommand):
    help = (
        "Set the password of the account with this email; every session of it ends. The password is asked for, or read "
        "from standard input with --password-stdin; --link prints a link with which the person chooses it instead."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the email that the person signs in with")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--link", action="store_true", help="print a link with which the person sets it themselves")
        how.add_argument(
            "--password-stdin", action="store_true", help="read the password from the first line of standard input"
        )

    @installation_scope()
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.all_practices.with_email(options["email"])
        if user is None:
            raise CommandError("No account has this email.")
        if options["link"]:
            self._print_link(user)
            return
        password = ask_password("this account", from_stdin=options["password_stdin"])
        try:
            set_password(user=user, by=None, password=password)
        except Refusal as error:
            raise CommandError(error.detail) from error
        self.stdout.write(self.style.SUCCESS("Password set. Every session of this account has ended."))

    def _print_link(self, user: User) -> None:
        try:
            self.stdout.write(reset.make_link(user=user))
        except Refusal as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"It works once, for {reset.MINUTES} minutes. Whoever has it can sign in as this person.")
