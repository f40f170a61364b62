"""Removing old backups by a rule: so many of the last days, weeks and months that have one."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from core.backups import catalogue
from core.backups.errors import BackupError
from core.backups.stored_files import copies_in
from core.backups.targets import Target


class RetentionPolicy(NamedTuple):
    daily: int = 7
    weekly: int = 5
    monthly: int = 12


def backups_to_keep(ids: Iterable[str], keep: RetentionPolicy) -> set[str]:
    """Return which backups stay: the newest of each of the last days, weeks and months with a backup, and always the
    newest of all."""
    newest_first = sorted(ids, reverse=True)
    stays = set(newest_first[:1])
    for count, period in ((keep.daily, _day), (keep.weekly, _week), (keep.monthly, _month)):
        newest_of: dict[str, str] = {}
        for backup_id in newest_first:
            newest_of.setdefault(period(catalogue.made_at(backup_id)), backup_id)
        stays |= set(list(newest_of.values())[:count])
    return stays


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d}"


def _week(at: datetime) -> str:
    return f"{at:%G-%V}"


def _month(at: datetime) -> str:
    return f"{at:%Y-%m}"


def prune(target: Target, keep: RetentionPolicy) -> list[str]:
    """Remove what the rule does not keep, and files that no backup names any more. Return the ids of what was removed.

    Nothing is removed while a manifest cannot be read, for nobody knows then which files it names. The manifest goes
    first: what is left of a backup when this is interrupted is none, and the next run removes it.
    """
    ids = catalogue.backup_ids(target)
    stays = backups_to_keep(ids, keep)
    try:
        needed = {copy.object for backup_id in sorted(stays) for copy in catalogue.read_files(target, backup_id)}
    except BackupError as error:
        raise BackupError(f"No old backup was removed: {error}") from error
    goes = [backup_id for backup_id in ids if backup_id not in stays]
    for backup_id in goes:
        remove(target, backup_id)
    for name in copies_in(target):
        if name not in needed:
            target.delete(name)
    return goes


def remove(target: Target, backup_id: str) -> None:
    for part in (catalogue.MANIFEST, *catalogue.PARTS):
        target.delete(catalogue.part_name(backup_id, part))
