"""`manage.py restore_drill`: find out whether a backup can be restored, beside the data in use (docs/operations.md)."""

from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

import orjson
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from core.backups.drill import Drill, Report
from core.backups.errors import BackupError
from core.backups.steps import Bars
from core.backups.targets import target_at

SAMPLE = 200


class Command(BaseCommand):
    help = (
        "Restore a backup into a scratch database and a scratch folder, which are gone afterwards; compare every table "
        "and file, verify the audit trail with its seals, decrypt a sample. Exit code 1: something differs."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("source", nargs="?", default="", help="folder or s3://bucket/prefix; else BACKUP_TARGET")
        parser.add_argument("--backup", default="", metavar="ID", help="the beginning of its id; else the newest")
        parser.add_argument("--json", action="store_true", help="report as JSON")
        parser.add_argument(
            "--sample", type=int, default=SAMPLE, metavar="N",
            help=f"rows of each model, and files, to decrypt (default {SAMPLE})",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        place = options["source"] or settings.BACKUP_TARGET
        if not place:
            raise CommandError("Say where the backups are: a folder or s3://bucket/prefix, here or as BACKUP_TARGET.")
        try:
            with Bars() as bars:
                report = Drill(target_at(place), sample=options["sample"], steps=bars).run(options["backup"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        self._report(report, as_json=options["json"])
        if report.differences:
            raise CommandError(f"The drill of backup {report.backup} found {len(report.differences)} differences.")

    def _report(self, report: Report, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(orjson.dumps(asdict(report), option=orjson.OPT_INDENT_2).decode())
            return
        for name, count in report.checked.items():
            self.stdout.write(f"{name:24} {count:>14,}")
        for one in report.differences:
            self.stdout.write(self.style.ERROR(one))
        if not report.differences:
            self.stdout.write(self.style.SUCCESS(f"Backup {report.backup} can be restored ({report.seconds} s)."))
