"""`manage.py rotate_keys`: move patients' data to a new key while the application serves (docs/operations.md)."""

from argparse import ArgumentParser
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from audit import log
from audit.events import AuditEvent
from core.encryption import batch_rewrite, key_file, rotation
from core.encryption.keyring import get_keyring
from core.tenancy.scope import installation_scope
from core.termination import set_on_termination

LISTED = 20  # of the values that cannot be decrypted; check_encryption lists them all
NEEDS_FILE = (
    "The keys are in FIELD_ENCRYPTION_KEYS, which running processes do not re-read. Keep them in a file "
    "(FIELD_ENCRYPTION_KEYS_FILE), or add the output of `rotate_keys --print-key` by hand, with the two restarts that "
    "docs/operations.md describes."
)
NEEDS_RESTART = (
    "The keys are in FIELD_ENCRYPTION_KEYS, which running processes do not re-read: a process without key {} could not "
    "read the values that are moved to it. Restart every process with the key, then run rotate_keys --restarted."
)
MAY_BE_REMOVED = (  # such a request may have encrypted values under the old key that are not committed yet
    " Remove it from the ring once rotate_keys --status still says so after every request that was running when the "
    "new key was added has ended. Keep it with the backups made before then."
)


class Command(BaseCommand):
    help = (
        "Move all encrypted data to the newest key of the ring while the application serves. If it is stopped, the "
        "next run continues from there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--new", action="store_true", help="add a new key to FIELD_ENCRYPTION_KEYS_FILE first")
        what.add_argument("--status", action="store_true", help="only show how much is encrypted under which key")
        what.add_argument("--print-key", action="store_true", help="only print a new entry for the ring")
        parser.add_argument(
            "--restarted",
            action="store_true",
            help="confirm that every running process has the newest key (if the keys are in FIELD_ENCRYPTION_KEYS)",
        )
        parser.add_argument(
            "--batch-size", type=batch_rewrite.batch_size, default=batch_rewrite.BATCH_ROWS, metavar="ROWS",
            help=f"rows to lock and rewrite at once (default {batch_rewrite.BATCH_ROWS})",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print_key"]:
            self.stdout.write(key_file.entry_of(self._next_id(), key_file.Key.new()))
        elif options["status"]:
            self._print_counts()
        else:
            self._rotate(**options)

    def _next_id(self) -> int:
        try:
            return key_file.next_id(get_keyring().keys)
        except key_file.InvalidKeyFile as error:
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
        left = self._print_counts()
        if work.unreadable:
            raise CommandError(_unreadable_message(work.unreadable))
        if left:
            raise CommandError(f"{_counted(left, 'value')} still under older keys. Run rotate_keys again.")

    def _add_key(self) -> None:
        """Add a new key to the front of the file; every process that reads it encrypts with that key from now on."""
        path = settings.FIELD_ENCRYPTION_KEYS_FILE
        if not path:
            raise CommandError(NEEDS_FILE)
        work = rotation.Rotation(get_keyring())
        if work.is_unfinished():
            raise CommandError(
                f"Not everything is under key {work.key_id} yet. Run rotate_keys without --new to finish that first."
            )
        try:
            key_id = key_file.add_key(path, before=work.key_id)
        except key_file.InvalidKeyFile as error:
            raise CommandError(f"The ring {error}") from error
        except OSError as error:
            raise CommandError(
                f"FIELD_ENCRYPTION_KEYS_FILE cannot be written ({path}): {error.strerror}. If the keys are mounted "
                "read-only, add the output of `rotate_keys --print-key` as the first line of their source."
            ) from error
        get_keyring.cache_clear()
        self.stdout.write(f"Key {key_id} was added to {path} and is now used to encrypt. Back up the file now.")

    def _run(self, work: rotation.Rotation, waiting: int) -> None:
        self._record(work, "begun", rows=waiting)
        # Ctrl-C waits for the batch: in the middle of a statement it would leave a connection that takes no other
        state, stop = "stopped", set_on_termination()
        try:
            with (
                tqdm(total=waiting, unit=" rows", desc=f"to key {work.key_id}", disable=None) as bar,
                closing(work.run()) as run,
            ):
                for looked_at in run:
                    bar.update(looked_at)
                    if stop.is_set():
                        raise CommandError(
                            f"Stopped. {work.changed:,} rows are now under key {work.key_id}. "
                            "Run rotate_keys again to continue.",
                            returncode=130,
                        )
            state = "done"
        finally:
            self._record(work, state, rows=work.changed, unreadable=len(work.unreadable))
        self.stdout.write(f"{_counted(work.changed, 'row')} moved to key {work.key_id}.")

    def _record(self, work: rotation.Rotation, state: str, **counts: Any) -> None:
        with installation_scope():
            log.record(AuditEvent.KEYS_ROTATED, practice_id=None, key_id=work.key_id, state=state, **counts)

    def _print_counts(self) -> int:
        """Print how many values are under each key; return how many are not under the newest one."""
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


def _unreadable_message(unreadable: list[rotation.Unreadable]) -> str:
    lines = [f"{_counted(len(unreadable), 'value')} could not be decrypted (left unchanged):"]
    lines += [f"  {one}" for one in unreadable[:LISTED]]
    if len(unreadable) > LISTED:
        lines.append(f"  and {len(unreadable) - LISTED:,} more; run manage.py check_encryption for all of them")
    return "\n".join(lines)
