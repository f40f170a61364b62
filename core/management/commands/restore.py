"""`manage.py restore`: restore a backup onto an empty database and an empty storage of files (docs/operations.md)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from core.backups.errors import BackupError
from core.backups.restoring import Restore
from core.backups.steps import Bars
from core.backups.targets import target_at


class Command(BaseCommand):
    help = (
        "Restore a backup onto an empty database and an empty storage of files, and onto nothing else. The whole "
        "backup is checked before anything is touched. On PostgreSQL, with the tables' owner in DATABASE_URL."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", help="folder or s3://bucket/prefix with backups")
        parser.add_argument("--backup", default="", metavar="ID", help="the beginning of its id; else the newest")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with Bars() as bars:
                work = Restore(target_at(options["source"]), steps=bars)
                manifest = work.run(options["backup"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        rows = sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            self.style.SUCCESS(
                f"Restored {manifest['id']}: {rows:,} rows in {len(manifest['tables'])} tables, "
                f"{manifest['files']['count']:,} files."
            )
        )
        if work.missing_keys:
            names = ", ".join(work.missing_keys)
            self.stderr.write(
                self.style.WARNING(f"The data cannot be read yet: put the keys of the old machine into {names}.")
            )
        self.stdout.write("Next, in this order:")
        steps = ["migrate", "audit_verify", "check_encryption", "purge_deleted", "reconcile_files"]
        if manifest["database"]["vendor"] == "postgresql":
            steps.insert(1, "setup_database_roles --apply")
        for step in steps:
            self.stdout.write(f"  manage.py {step}")
        self.stdout.write("Then start Praxis; whoever was signed in signs in again if SECRET_KEY is another.")
