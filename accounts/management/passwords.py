"""Asking for a password on the terminal."""

import sys
from getpass import getpass

from django.core.management.base import CommandError


def ask(whose: str, *, from_stdin: bool) -> str:
    """The password, typed twice or from the first line of standard input. Raises CommandError."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("There is no terminal to ask for the password on; give it with --password-stdin.")
    password = getpass(f"Password of {whose}: ")
    if getpass("Again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
