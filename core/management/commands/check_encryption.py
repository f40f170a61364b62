"""`manage.py check_encryption`: check that every encrypted value decrypts."""

from argparse import ArgumentParser
from collections import Counter
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from core.encryption import batch_rewrite
from core.encryption.keyring import DecryptionError, key_id_of
from core.encryption.rotation import Unreadable


class Command(BaseCommand):
    help = (
        "Decrypt every encrypted value, count the values of each field by key, and list the ids of rows whose values "
        "do not decrypt (exit code 1). Shows no value and changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--practice", default="", metavar="NAME", help="only this practice (name or id)")

    def handle(self, *args: Any, **options: Any) -> None:
        parts = list(batch_rewrite.parts([_practice(options["practice"])] if options["practice"] else None))
        values: Counter[tuple[str, str, int | None]] = Counter()
        unreadable = 0
        with tqdm(total=_count(parts), unit=" rows", desc="decrypting", disable=None) as bar:
            try:
                for part in parts:
                    unreadable += self._check(part, values, bar)
            except KeyboardInterrupt:
                raise CommandError("Stopped; nothing was changed.", returncode=130) from None
        for (model, field, key_id), count in sorted(values.items(), key=lambda item: (*item[0][:2], item[0][2] or 0)):
            key = "damaged" if key_id is None else f"key {key_id}"
            self.stdout.write(f"{f'{model}.{field}':44} {key:12} {count:>12,} values")
        if unreadable:
            raise CommandError(f"{unreadable:,} of {values.total():,} values cannot be decrypted.")
        self.stdout.write(self.style.SUCCESS(f"All {values.total():,} values can be decrypted."))

    def _check(self, part: batch_rewrite.Part, values: Counter[tuple[str, str, int | None]], bar: Any) -> int:
        label, fields, unreadable = part.model._meta.label, part.fields, 0
        with part.scope():
            for batch in batch_rewrite.batches(part.rows(), batch_rewrite.BATCH_ROWS, *map(batch_rewrite.raw, fields)):
                for pk, *stored in batch:
                    for field, value in zip(fields, stored, strict=True):
                        if value is None:
                            continue
                        values[label, field.name, key_id_of(bytes(value))] += 1
                        try:
                            field.decrypt(bytes(value))
                        except DecryptionError as error:
                            unreadable += 1
                            with bar.external_write_mode():
                                self.stdout.write(str(Unreadable(label, field.name, pk, error.reason)))
                bar.update(len(batch))
        return unreadable


def _count(parts: list[batch_rewrite.Part]) -> int:
    total = 0
    for part in parts:
        with part.scope():
            total += part.rows().count()
    return total


def _practice(name: str) -> UUID:
    practices = apps.get_model("practices", "Practice").objects
    try:
        found = practices.filter(pk=UUID(name))
    except ValueError:
        found = practices.filter(name=name)
    ids = list(found.values_list("pk", flat=True)[:2])
    if len(ids) != 1:
        raise CommandError(f"{'Several practices have' if ids else 'No practice has'} the name {name!r}.")
    practice_id: UUID = ids[0]
    return practice_id
