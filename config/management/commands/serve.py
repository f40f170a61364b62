"""`manage.py serve`: migrate, seed and serve, with a worker beside it. `make run` and `make dev` call it."""

import errno
import io
import os
import socket
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any, NoReturn
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections
from django.db.migrations.executor import MigrationExecutor

from accounts.models import User
from accounts.roles import Role
from core.cache import redis_client
from core.database.probe import why_unreachable
from demo.clinic import SIGN_INS
from demo.management.commands.seed import DEMO_PASSWORD
from practices.models import Practice

PAGES = (("Home", "/"), ("API docs", "/api/docs"), ("Admin", "/admin/"), ("Health", "/api/health"))

ALL_INTERFACES = ("0.0.0.0", "::")  # noqa: S104 - not an address that a browser can open


class Command(BaseCommand):
    help = "Migrate, seed an empty database with the demo practice (in DEBUG), and serve on HOST:PORT until Ctrl-C."
    requires_system_checks = ()  # the server runs them as it starts; skipping them here saves time

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reload", action="store_true", help="restart whenever code or a template changes")
        parser.add_argument(
            "--no-worker", action="store_true", help="start no worker beside the server (manage.py worker)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        _require_free_port()
        if reason := why_unreachable():
            raise CommandError(reason)
        self._migrate()
        self._seed()
        self._print_addresses()
        connections.close_all()
        self.stdout.flush()
        if not options["no_worker"]:
            _start_worker(reload=options["reload"])
        _become_server(reload=options["reload"])

    def _migrate(self) -> None:
        executor = MigrationExecutor(connection)
        due = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if due:
            self.stdout.write(f"Migrating the database ({len(due)} migrations) ...")
            self.stdout.flush()
            call_command("migrate", interactive=False, verbosity=0)

    def _seed(self) -> None:
        if settings.DEBUG and not Practice.objects.exists():
            self.stdout.write("The database is empty: creating the demo practice ...")
            self.stdout.flush()
            call_command("seed", stdout=io.StringIO())

    def _print_addresses(self) -> None:
        on_all_interfaces = settings.SERVER_HOST in ALL_INTERFACES
        address = f"http://localhost:{settings.SERVER_PORT}" if on_all_interfaces else f"http://{settings.SERVER_BIND}"
        self.stdout.write(f"\nPraxis is running at {address} (press Ctrl-C to stop)\n\n")
        for name, path in PAGES:
            self.stdout.write(f"  {name:10}{address}{path}")
        if settings.DEBUG:
            self._print_demo_accounts()
        if redis_client.configured() and not redis_client.is_reachable():
            place = urlsplit(settings.REDIS_URL)
            where = f"{place.hostname}:{place.port or 6379}" if place.hostname else place.path
            self.stdout.write(f"\nRedis does not answer at {where} (REDIS_URL): nobody can sign in until it does.")
        self.stdout.write("")

    def _print_demo_accounts(self) -> None:
        """Print one demo account for each role, if the demo practice exists."""
        accounts = [one for one in SIGN_INS if User.all_practices.with_email(one.email)]
        if accounts:
            self.stdout.write(f"\nDemo accounts (password {DEMO_PASSWORD})\n\n")
        for role in Role:
            for one in [one for one in accounts if one.role == role][:1]:
                self.stdout.write(f"  {role.value:10}{one.email}")


def _require_free_port() -> None:
    """Raise CommandError if the server cannot listen; gunicorn itself would retry for five seconds."""
    try:
        kind, *_, address = socket.getaddrinfo(
            settings.SERVER_HOST, settings.SERVER_PORT, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(kind, socket.SOCK_STREAM) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address[0], settings.SERVER_PORT, *address[2:]))  # getaddrinfo wraps a port that is too high
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
        is_foreign_host = isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL
        advice = (
            "HOST must be an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them."
            if is_foreign_host
            else "Choose another port, for example PORT=8001."
        )
        raise CommandError(f"cannot listen on {settings.SERVER_BIND}: {reason}. {advice}") from error


def _start_worker(*, reload: bool) -> None:
    """Start a worker as a child of this process, which is the server's in a moment. It ends with its parent; Ctrl-C in
    a terminal reaches both."""
    options = ["--reload"] if reload else []
    command = [sys.executable, "manage.py", "worker", "--verbosity", "0", "--parent", str(os.getpid()), *options]
    subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)  # noqa: S603 - fixed arguments


def _become_server(*, reload: bool) -> NoReturn:
    """Replace this process with the server, so that signals and the exit code are the server's own."""
    if reload:  # Django's own server: it notices templates too, and survives a syntax error in the code
        arguments = ["manage.py", "runserver", "--skip-checks", settings.SERVER_BIND]
    else:
        arguments = ["-m", "gunicorn", "--config", "config/gunicorn.py"]
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - fixed arguments, no shell
