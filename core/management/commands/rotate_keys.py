"""`manage.py rotate_keys`: a new key for the patients' data, while the application serves (docs/operations.md)."""

from argparse import ArgumentParser
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import trail
from audit.events import Kind
from core.encryption import ring, rotation, rows
from core.encryption.keyring import get_keyring
from core.tenancy import installation_scope

SHOWN = 20  # of the values that cannot be decrypted; check_encryption lists them all
NEEDS_FILE = (
    "The keys are in FIELD_ENCRYPTION_KEYS, which running processes do not read again. Keep them in a file "
    "(FIELD_ENCRYPTION_KEYS_FILE), or add what `rotate_keys --print-key` prints by hand, in the two restarts that "
    "docs/operations.md describes."
)
NEEDS_RESTART = (
    "The keys are in FIELD_ENCRYPTION_KEYS, which running processes do not read again: one that does not know key {} "
    "could not read what is moved to it. Restart every process with it, then call rotate_keys --restarted."
)
MAY_BE_REMOVED = (  # what such a request writes is invisible until then, and already encrypted
    " It may be removed from the ring if rotate_keys --status still says so once every request has ended that was "
    "running when the new key came. Keep it with the backups that were made before."
)


class Command(BaseCommand):
    help = (
        "Move everything that is encrypted to the newest key of the ring, while the application serves. Stopped "
        "anywhere, it goes on from there when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--new", action="store_true", help="first add a new key to FIELD_ENCRYPTION_KEYS_FILE")
        what.add_argument("--status", action="store_true", help="only say what is encrypted under which key")
        what.add_argument("--print-key", action="store_true", help="only make a new entry for the ring and print it")
        parser.add_argument(
            "--restarted",
            action="store_true",
            help="every running process has the newest key (where the keys are in FIELD_ENCRYPTION_KEYS)",
        )
        parser.add_argument(
            "--batch-size", type=rows.batch_size, default=rows.BATCH_ROWS, metavar="ROWS",
            help=f"rows that are locked and rewritten at once (default {rows.BATCH_ROWS})",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print_key"]:
            self.stdout.write(ring.entry_of(self._next_id(), ring.Key.new()))
        elif options["status"]:
            self._tell_what_is_where()
        else:
            self._rotate(**options)

    def _next_id(self) -> int:
        try:
            return ring.next_id(get_keyring().keys)
        except ring.BadRing as error:
            raise CommandError(f"The ring {error}") from error

    def _rotate(self, *, new: bool, restarted: bool, batch_size: int, **options: Any) -> None:
        if new:
            self._add_key()
        work = rotation.Rotation(get_keyring(), batch_rows=batch_size)
        waiting = work.waiting()
        if waiting and not (restarted or settings.FIELD_ENCRYPTION_KEYS_FILE):
            raise CommandError(NEEDS_RESTART.format(work.key_id))
        if waiting:
            self._run(work, waiting)
        left = self._tell_what_is_where()
        if work.unreadable:
            raise CommandError(_named(work.unreadable))
        if left:
            raise CommandError(f"{_counted(left, 'value')} left under older keys. Call rotate_keys again.")

    def _add_key(self) -> None:
        """Makes the file's ring begin with a new key, which every process that reads the file uses from now on."""
        path = settings.FIELD_ENCRYPTION_KEYS_FILE
        if not path:
            raise CommandError(NEEDS_FILE)
        work = rotation.Rotation(get_keyring())
        if work.is_unfinished():
            raise CommandError(
                f"Not everything is under key {work.key_id} yet. Call rotate_keys without --new to go on with that."
            )
        try:
            key_id = ring.add_key(path, before=work.key_id)
        except ring.BadRing as error:
            raise CommandError(f"The ring {error}") from error
        except OSError as error:
            raise CommandError(
                f"FIELD_ENCRYPTION_KEYS_FILE cannot be written ({path}): {error.strerror}. Where the keys are mounted "
                "read-only, add what `rotate_keys --print-key` prints as the first line of their source."
            ) from error
        get_keyring.cache_clear()
        self.stdout.write(f"Key {key_id} was added to {path} and encrypts from now on. Back the file up now.")

    def _run(self, work: rotation.Rotation, waiting: int) -> None:
        self._record(work, "begun", rows=waiting)
        state = "stopped"
        try:
            with (
                tqdm(total=waiting, unit=" rows", desc=f"to key {work.key_id}", disable=None) as bar,
                closing(work.run()) as run,
            ):
                for looked_at in run:
                    bar.update(looked_at)
            state = "done"
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped after {work.changed:,} rows, which are under key {work.key_id} now. "
                "Call rotate_keys again to go on.",
                returncode=130,
            ) from None
        finally:
            self._record(work, state, rows=work.changed, unreadable=len(work.unreadable))
        self.stdout.write(f"{_counted(work.changed, 'row')} moved to key {work.key_id}.")

    def _record(self, work: rotation.Rotation, state: str, **counts: Any) -> None:
        with installation_scope():
            trail.record(Kind.KEYS_ROTATED, practice_id=None, key_id=work.key_id, state=state, **counts)

    def _tell_what_is_where(self) -> int:
        """How many values are not under the newest key."""
        keys = get_keyring().keys
        newest, *older = keys
        found = rotation.values_by_key()
        for (model, key_id), count in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0)):
            self.stdout.write(f"{model:28} {_key_name(key_id, keys):28} {count:>12,} values")
        for key_id in older:
            if not any(key_id == used for _, used in found):
                self.stdout.write(self.style.SUCCESS(f"Nothing is left under key {key_id}.") + MAY_BE_REMOVED)
        left = sum(count for (_, key_id), count in found.items() if key_id != newest)
        if not left:
            self.stdout.write(self.style.SUCCESS(f"Everything is encrypted under key {newest}."))
        return left


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _key_name(key_id: int | None, keys: Iterable[int]) -> str:
    if key_id is None:
        return "damaged"
    return f"key {key_id}" if key_id in keys else f"key {key_id} (missing)"


def _named(unreadable: list[rotation.Unreadable]) -> str:
    lines = [f"{_counted(len(unreadable), 'value')} left as found, for want of a key or because of damage:"]
    lines += [f"  {one}" for one in unreadable[:SHOWN]]
    if len(unreadable) > SHOWN:
        lines.append(f"  and {len(unreadable) - SHOWN:,} more; manage.py check_encryption lists them all")
    return "\n".join(lines)
