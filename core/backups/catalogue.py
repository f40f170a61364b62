"""What is in a place of backups. A backup is a folder with a manifest, which was written last: without one it is none.

lock
backups/20261201T014500.123Z/{database, seals, files, manifest}
objects/ab/<name in storage>-<SHA-256 of its content>      the files, shared by all backups that name them
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
from django.utils import timezone

from core.backups.errors import BackupError, Damaged
from core.backups.sealing import seal, unseal
from core.backups.stored_files import Copy
from core.backups.targets import Target, Written

FORMAT = 1
BACKUPS, MANIFEST = "backups", "manifest"
DATABASE, SEALS, FILES = "database", "seals", "files"
PARTS = (DATABASE, SEALS, FILES)
_PART = re.compile(rf"{BACKUPS}/(?P<id>\d{{8}}T\d{{6}}\.\d{{3}}Z)/(?P<part>\w+)")
Manifest = dict[str, Any]


def new_id() -> str:
    now = timezone.now().astimezone(UTC)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z"


def made_at(backup_id: str) -> datetime:
    return datetime.strptime(backup_id, "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)


def part_name(backup_id: str, part: str) -> str:
    return f"{BACKUPS}/{backup_id}/{part}"


def backup_ids(target: Target) -> list[str]:
    """Return the ids of the backups, oldest first."""
    return sorted(backup_id for backup_id, parts in _folders(target).items() if MANIFEST in parts)


def unfinished_ids(target: Target) -> list[str]:
    return sorted(backup_id for backup_id, parts in _folders(target).items() if MANIFEST not in parts)


def _folders(target: Target) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name in target.names(BACKUPS):
        if match := _PART.fullmatch(name):
            found.setdefault(match["id"], set()).add(match["part"])
    return found


def pick(target: Target, wanted: str = "") -> str:
    """Return the id of the newest backup, or of the one that begins with `wanted`."""
    ids = backup_ids(target)
    found = [backup_id for backup_id in ids if backup_id.startswith(wanted)]
    if not ids:
        raise BackupError("There is no backup here.")
    if not found or (wanted and len(found) > 1):
        raise BackupError(
            f"{'Several backups begin' if found else 'No backup begins'} with {wanted}: {', '.join(ids)}."
        )
    return found[-1]


def write_part(target: Target, backup_id: str, part: str, chunks: Any) -> Written:
    name = part_name(backup_id, part)
    return target.write(name, seal(chunks, context=name))


def read_part(target: Target, backup_id: str, part: str) -> Iterator[bytes]:
    """Yield the decrypted part; raise Damaged before any chunk that is not what was written."""
    name = part_name(backup_id, part)
    with target.open(name) as file:
        yield from unseal(file.read, context=name)


def write_json(target: Target, backup_id: str, part: str, content: Any) -> Written:
    return write_part(target, backup_id, part, [orjson.dumps(content)])


def read_json(target: Target, backup_id: str, part: str) -> Any:
    return orjson.loads(b"".join(read_part(target, backup_id, part)))


def read_manifest(target: Target, backup_id: str) -> Manifest:
    manifest: Manifest = read_json(target, backup_id, MANIFEST)
    if manifest.get("format") != FORMAT:
        raise BackupError(
            f"Backup {backup_id} has a format that this Praxis does not know: it was made by a newer one."
        )
    if manifest["id"] != backup_id:
        raise Damaged(f"The manifest of backup {backup_id} belongs to another backup.")
    return manifest


def read_files(target: Target, backup_id: str) -> list[Copy]:
    return [Copy(*row) for row in read_json(target, backup_id, FILES)]
