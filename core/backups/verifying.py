"""Checking a backup before anything is restored from it: its parts, its files, and whether this Praxis can read it."""

import hashlib
from collections.abc import Callable

from django.db.migrations.loader import MigrationLoader

from core.backups import catalogue
from core.backups.dumps import Database
from core.backups.errors import BackupError, Damaged
from core.backups.making import fingerprints
from core.backups.stored_files import Copy, in_parallel, is_as_written
from core.backups.targets import Target, in_chunks


class Verified:
    """A backup whose parts are what was written, and its files after `check_files`."""

    def __init__(self, target: Target, backup_id: str) -> None:
        self.id = backup_id
        self.manifest = catalogue.read_manifest(target, backup_id)
        for part, written in self.manifest["parts"].items():
            _check_part(target, catalogue.part_name(backup_id, part), written["sha256"])
        for _chunk in catalogue.read_part(target, backup_id, catalogue.DATABASE):
            pass  # authentic to its end, before the first byte of it is used
        self.files = catalogue.read_files(target, backup_id)
        self.seals: list[str] = catalogue.read_json(target, backup_id, catalogue.SEALS)
        self._target = target

    def check_files(self, seen: Callable[[int], object] = lambda size: None) -> None:
        def check(copy: Copy) -> int:
            if not is_as_written(self._target, copy):
                raise Damaged(f"{copy.object} is damaged: it is not what was written.")
            return copy.size

        in_parallel(check, self.files, seen=seen)


def _check_part(target: Target, name: str, sha256: str) -> None:
    digest = hashlib.sha256()
    with target.open(name) as file:
        for chunk in in_chunks(file):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise Damaged(f"{name} is damaged: it is not what was written.")


def require_readable(manifest: catalogue.Manifest, database: Database) -> None:
    """Raise BackupError if this Praxis or this database cannot take the backup."""
    theirs = manifest["database"]
    if theirs["vendor"] != database.vendor:
        raise BackupError(f"The backup is of {theirs['vendor']}, and DATABASE_URL names {database.vendor}.")
    if _major(theirs["version"]) > _major(database.version()):
        raise BackupError(f"The backup is of {theirs['vendor']} {theirs['version']}; this is {database.version()}.")
    unknown = sorted(set(manifest["migrations"]) - _our_migrations())
    if unknown:
        raise BackupError(
            f"The backup was made by a newer Praxis: it has {len(unknown)} migrations that this one lacks "
            f"({unknown[-1]}). Restore it with that version."
        )


def lacks_migrations(manifest: catalogue.Manifest) -> bool:
    """Return whether this Praxis would migrate the backup's database first."""
    return bool(_our_migrations() - set(manifest["migrations"]))


def _our_migrations() -> set[str]:
    return {f"{app}.{name}" for app, name in MigrationLoader(None).graph.nodes}


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def missing_keys(manifest: catalogue.Manifest) -> list[str]:
    """Return the settings that lack a key without which something in the backup cannot be read."""
    ours = fingerprints()
    return [name for name, theirs in manifest["keys"].items() if set(theirs) - set(ours.get(name, []))]


def differences(manifest: catalogue.Manifest, database: Database) -> list[str]:
    """Return what is in the tables otherwise than when the backup was made."""
    theirs, ours = manifest["tables"], database.tables()
    is_same_version = _major(manifest["database"]["version"]) == _major(database.version())
    found = []
    for name in sorted(theirs.keys() | ours.keys()):
        before, now = theirs.get(name), ours.get(name)
        if before is None or now is None:
            found.append(f"{name}: the table is {'new' if before is None else 'missing'}")
        elif before["rows"] != now["rows"]:
            found.append(f"{name}: {before['rows']:,} rows were backed up, {now['rows']:,} are there")
        elif is_same_version and before.get("hash", now.get("hash")) != now.get("hash"):
            found.append(f"{name}: the content of a row differs")
    return found
