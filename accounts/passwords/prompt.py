"""Asking for a password on the terminal."""

import sys
from getpass import getpass

from django.core.management.base import CommandError

from accounts.hashers import normalise_password


def ask_password(whose: str, *, from_stdin: bool) -> str:
    """Return the password, typed twice or read from the first line of standard input. Raises CommandError."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandError("Without a terminal the password can't be asked for: pass it with --password-stdin.")
    password = getpass(f"Password of {whose}: ")
    if normalise_password(getpass("Repeat: ")) != normalise_password(password):
        raise CommandError("The two passwords differ.")
    return password
