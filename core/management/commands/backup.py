"""`manage.py backup`: back up database, files and seals, while the application serves (docs/operations.md)."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.backups import catalogue, pruning
from core.backups.errors import BackupError
from core.backups.making import Backup
from core.backups.steps import Bars
from core.backups.targets import target_at
from core.backups.verifying import Verified


class Command(BaseCommand):
    help = (
        "Back up the database, the files and the audit trail's seals to a folder or to s3://bucket/prefix, encrypted "
        "under BACKUP_KEY, while the application serves. Files that are there are not copied again. A backup counts "
        "once it is complete; earlier ones are never touched before."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", nargs="?", default="", help="folder or s3://bucket/prefix; else BACKUP_TARGET")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--list", action="store_true", help="only list the backups that are there")
        what.add_argument("--check", action="store_true", help="only check the newest backup: every part, every file")
        what.add_argument("--keep-all", action="store_true", help="remove no old backup (else BACKUP_KEEP)")

    def handle(self, *args: Any, **options: Any) -> None:
        place = options["target"] or settings.BACKUP_TARGET
        if not place:
            raise CommandError("Say where: a folder or s3://bucket/prefix, here or as BACKUP_TARGET.")
        try:
            if options["list"]:
                self._list(place)
            elif options["check"]:
                self._check(place)
            else:
                self._make(place, None if options["keep_all"] else pruning.RetentionPolicy(*settings.BACKUP_KEEP))
        except BackupError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. Earlier backups are as before; the next one continues.", returncode=130
            ) from None

    def _make(self, place: str, keep: pruning.RetentionPolicy | None) -> None:
        with Bars() as bars:
            work = Backup(target_at(place), steps=bars)
            manifest = work.run(keep)
        files, rows = manifest["files"], sum(table["rows"] for table in manifest["tables"].values())
        self.stdout.write(
            self.style.SUCCESS(
                f"Backup {manifest['id']}: {rows:,} rows in {len(manifest['tables'])} tables, {files['count']:,} files "
                f"({work.copied:,} new), {work.bytes_written // 1024:,} KB written in {manifest['seconds']} s."
            )
        )
        if work.pruned:
            self.stdout.write(f"Removed by the rule: {', '.join(work.pruned)}.")

    def _list(self, place: str) -> None:
        target = target_at(place)
        for backup_id in catalogue.backup_ids(target):
            manifest = catalogue.read_manifest(target, backup_id)
            rows = sum(table["rows"] for table in manifest["tables"].values())
            self.stdout.write(f"{backup_id}  {rows:>12,} rows  {manifest['files']['count']:>9,} files")

    def _check(self, place: str) -> None:
        target = target_at(place)
        with target.lock(shared=True), Bars() as bars:
            backup_id = catalogue.pick(target)
            bars.begin("checking", catalogue.read_manifest(target, backup_id)["files"]["bytes"])
            verified = Verified(target, backup_id)
            verified.check_files(bars.advance)
        self.stdout.write(self.style.SUCCESS(f"Backup {verified.id} is as it was written."))
