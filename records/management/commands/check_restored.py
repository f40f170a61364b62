"""`manage.py check_restored`: what `restore_drill` asks of a restored database and its files, in a process of its own.

Prints JSON and changes nothing.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from django.core.management.base import BaseCommand

from audit.seals.verify import Tampered, Verification
from audit.seals.verify_export import last_seals
from core.encryption import batch_rewrite
from core.encryption.keyring import DecryptionError
from core.encryption.rotation import Unreadable
from core.encryption.streams import DamagedFile
from core.tenancy.scope import installation_scope, practice_scope
from practices.models import Practice
from records.attachments import storage
from records.attachments.reconcile import EXPECTED_STATES
from records.models import Attachment


class Command(BaseCommand):
    help = "Called by restore_drill: verify the trail, decrypt a sample of fields and files, and print JSON."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--seals", type=Path, required=True, metavar="FILE", help="last seals, as exports have them"
        )
        parser.add_argument("--sample", type=int, default=200, metavar="N", help="rows of each model, and files")

    def handle(self, *args: Any, **options: Any) -> None:
        self._differences: list[str] = []
        self._checked: dict[str, int] = {}
        self._verify_trail(options["seals"])
        self._decrypt_fields(options["sample"])
        self._check_files(options["sample"])
        self.stdout.write(orjson.dumps({"differences": self._differences, "checked": self._checked}).decode())

    @installation_scope()
    def _verify_trail(self, seals: Path) -> None:
        with seals.open("rb") as lines:
            exported = {UUID(practice_id): seal for practice_id, seal in last_seals(lines).items()}
        verification = Verification()
        try:
            verification.run(exported=exported)
        except Tampered as error:
            self._differences.append(f"The trail was altered. {error.finding}")
        self._checked |= {"trail events": verification.events, "trail seals": verification.seals}

    def _decrypt_fields(self, sample: int) -> None:
        self._checked["decrypted values"] = 0
        for part in batch_rewrite.parts():
            with part.scope():
                values: list[Any] = ["pk", *map(batch_rewrite.raw, part.fields)]
                for rows in (part.rows(), part.rows().reverse()):
                    for pk, *stored in rows.values_list(*values)[: sample // 2]:
                        self._decrypt(part, pk, stored)

    def _decrypt(self, part: batch_rewrite.Part, pk: Any, stored: list[Any]) -> None:
        for field, value in zip(part.fields, stored, strict=True):
            if value is None:
                continue
            try:
                field.decrypt(bytes(value))
                self._checked["decrypted values"] += 1
            except DecryptionError as error:
                self._differences.append(str(Unreadable(part.model._meta.label, field.name, pk, error.reason)))

    def _check_files(self, sample: int) -> None:
        """Look for every file that the database names, and decrypt some."""
        self._checked["decrypted files"] = 0
        there = {name for folder in storage.FOLDERS for name in storage.list_names(folder)}
        for practice_id in list(Practice.objects.order_by("pk").values_list("pk", flat=True)):
            with practice_scope(practice_id):
                files = Attachment.with_deleted.filter(state__in=EXPECTED_STATES)
                files = files.exclude(deletion__purge_began_at__isnull=False).defer("name").order_by("pk")
                for pk, name in files.values_list("pk", "storage_name").iterator():
                    if name not in there:
                        self._differences.append(f"The file {pk} is not in the backup")
                for file in {*files[: sample // 2], *files.reverse()[: sample // 2]}:
                    if file.storage_name in there:
                        self._decrypt_file(file)

    def _decrypt_file(self, file: Attachment) -> None:
        try:
            for _chunk in storage.open_file(file):
                pass
            self._checked["decrypted files"] += 1
        except (DamagedFile, storage.NotStored, storage.StorageUnavailable):
            self._differences.append(f"The file {file.pk} cannot be decrypted")
