"""`manage.py upgrade`: from the release before to this one, in the order that is safe (docs/operations.md)."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from core.database.probe import why_unreachable


class Command(BaseCommand):
    help = (
        "After the new code is in place: back up, migrate, give the application's role its rights, check. Needs the "
        "DATABASE_URL of the tables' owner. Servers and workers may run meanwhile and are restarted afterwards. If it "
        "stops, run it again: what is done is not done twice."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--target", default="", help="where to back up before; else BACKUP_TARGET")
        parser.add_argument("--no-backup", action="store_true", help="migrate without a backup")
        parser.add_argument("--role", default="praxis_app", help="the application's role (default praxis_app)")

    def handle(self, *args: Any, **options: Any) -> None:
        if reason := why_unreachable():
            raise CommandError(reason)
        call_command("check", databases=["default"])
        due = self._due()
        if due:
            self._back_up(options["target"] or settings.BACKUP_TARGET, is_wanted=not options["no_backup"])
            self.stdout.write(f"{due} migrations:")
            call_command("migrate", interactive=False, stdout=self.stdout)
        else:
            self.stdout.write("No migration is due.")
        if connection.vendor == "postgresql":
            call_command("setup_database_roles", role=options["role"], apply=True, stdout=self.stdout)
        self.stdout.write("What is still insecure, if anything:")
        call_command("check", deploy=True, databases=["default"])
        self.stdout.write(
            self.style.SUCCESS(
                "Done. Restart every server and worker now. If CHANGELOG.md asks for it, run manage.py reindex_search."
            )
        )

    def _due(self) -> int:
        executor = MigrationExecutor(connection)
        return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))

    def _back_up(self, place: str, *, is_wanted: bool) -> None:
        """The backup of a database without tables would be one of nothing."""
        if not is_wanted or not connection.introspection.table_names():
            return
        if not place:
            raise CommandError(
                "Set BACKUP_TARGET or name a --target for the backup before the update (or --no-backup)."
            )
        call_command("backup", place, keep_all=True, stdout=self.stdout)
