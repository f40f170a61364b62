"""`manage.py serve`: everything between an installed Praxis and a served one. `make run` and `make dev` call it."""

import errno
import io
import os
import socket
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from accounts.models import User
from accounts.roles import Role
from dashboard.demo.clinic import SIGN_INS
from dashboard.management.commands.seed import DEMO_PASSWORD
from practices.models import Practice

PLACES = (("Home", "/"), ("API docs", "/api/docs"), ("Admin", "/admin/"), ("Health", "/api/health"))

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - where it listens then is no address that a browser can ask for


class Command(BaseCommand):
    help = "Migrate, seed the demo practice into an empty database (in DEBUG), and serve on HOST:PORT until Ctrl-C."
    requires_system_checks = ()  # the server's own start would run into the same; this keeps a warm start short

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reload", action="store_true", help="start anew whenever code or a template changes")

    def handle(self, *args: Any, **options: Any) -> None:
        _expect_free_port()
        _expect_database()
        self._migrate()
        self._seed()
        self._introduce()
        connections.close_all()
        self.stdout.flush()
        _become_server(reload=options["reload"])

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        due = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if due:
            self.stdout.write(f"Bringing the database up to date: {len(due)} migrations ...")
            self.stdout.flush()
            call_command("migrate", interactive=False, verbosity=0)

    def _seed(self) -> None:
        if settings.DEBUG and not Practice.objects.exists():
            self.stdout.write("The database is empty: making the demo practice ...")
            self.stdout.flush()
            call_command("seed", stdout=io.StringIO())

    def _introduce(self) -> None:
        everywhere = settings.SERVER_HOST in EVERYWHERE
        address = f"http://localhost:{settings.SERVER_PORT}" if everywhere else f"http://{settings.SERVER_BIND}"
        self.stdout.write(f"\nPraxis is at {address} (Ctrl-C ends it)\n\n")
        for name, path in PLACES:
            self.stdout.write(f"  {name:10}{address}{path}")
        if settings.DEBUG:
            self._name_the_demo()
        self.stdout.write("")

    def _name_the_demo(self) -> None:
        """One sign-in for each role, where the demo practice is there."""
        there = [one for one in SIGN_INS if User.sign_in.with_email(one.email)]
        if there:
            self.stdout.write(f"\nThe demo practice's sign-ins, password {DEMO_PASSWORD}\n\n")
        for role in Role:
            for one in [one for one in there if one.role == role][:1]:
                self.stdout.write(f"  {role.value:10}{one.email}")


def _expect_free_port() -> None:
    """Raises CommandError where the server could not listen; without it gunicorn would retry for five seconds."""
    try:
        kind, *_, address = socket.getaddrinfo(
            settings.SERVER_HOST, settings.SERVER_PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(kind, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], settings.SERVER_PORT, *address[2:]))  # getaddrinfo wraps a port too high
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        elsewhere = isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL
        advice = (
            "HOST must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them."
            if elsewhere
            else "Choose another port with, say, PORT=8001."
        )
        raise CommandError(f"cannot listen on {settings.SERVER_BIND}: {reason}. {advice}") from error


def _expect_database() -> None:
    """Raises CommandError where DATABASE_URL leads nowhere. Asked without the pool, which would retry for a while."""
    probe = connection.copy()
    probe.settings_dict["OPTIONS"].pop("pool", None)
    try:
        probe.ensure_connection()
    except (DatabaseError, ImproperlyConfigured) as error:
        place = probe.settings_dict
        where = f"{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}" if place["HOST"] else place["NAME"]
        lines = str(error).splitlines() or [type(error).__name__]
        reason = next((line for line in lines if "failed: " in line), lines[0]).rpartition("failed: ")[2].strip()
        raise CommandError(f"cannot open the database {where} (DATABASE_URL): {reason}") from error
    finally:
        probe.close()


def _become_server(*, reload: bool) -> NoReturn:
    """This process becomes the server, so that signals and the exit code are the server's own."""
    if reload:  # Django's own server: it notices templates too, and survives a syntax error in the code
        arguments = ["manage.py", "runserver", "--skip-checks", settings.SERVER_BIND]
    else:
        arguments = ["-m", "gunicorn", "--config", "config/gunicorn.py"]
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - our own words, no shell
