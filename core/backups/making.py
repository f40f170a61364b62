"""Making a backup, while the application serves.

The files are copied, then the database, then the files that came in between: so each file that the database names is
there, whether one was added or purged meanwhile. The manifest is written when all else is on the disk.
"""

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import django
from django.conf import settings
from django.utils import timezone

from audit.models import Seal
from audit.seals.log_reader import practice_ids_in
from core.backups import catalogue, databases, pruning, runs, stored_files
from core.backups.errors import BackupError
from core.backups.models import RunKind
from core.backups.sealing import NO_KEY, fingerprint
from core.backups.stored_files import Copy, Copying
from core.backups.targets import Target, Written
from core.encryption.keyring import get_keyring
from core.tenancy.scope import installation_scope

MARGIN_BYTES = 16 * 1024 * 1024


class Steps(Protocol):
    """Hears what is being done."""

    def begin(self, what: str, total: int) -> None: ...
    def advance(self, size: int) -> None: ...


class Silent:
    def begin(self, what: str, total: int) -> None:
        pass

    def advance(self, size: int) -> None:
        pass


class Backup:
    """One backup. `stopping` is asked between files, and raises to stop."""

    def __init__(self, target: Target, *, steps: Steps | None = None, stopping: Callable[[], object] = lambda: None):
        self._target, self._steps, self._stopping = target, steps or Silent(), stopping
        self._database = databases.owned()
        self.pruned: list[str] = []
        self.copied = self.bytes_written = 0

    def run(self, keep: pruning.RetentionPolicy | None = None) -> catalogue.Manifest:
        """Make it, prune by the rule if one is given, and return its manifest. Raise BackupError, and then the backups
        before it are as they were."""
        if not settings.BACKUP_KEY:
            raise BackupError(NO_KEY)
        began = timezone.now()
        self._target.prepare()
        with self._target.lock(), self._database.lock():
            try:
                manifest = self._make(began)
            except BackupError:
                runs.record(RunKind.BACKUP, name="", began_at=began, is_good=False)
                raise
            size = self.bytes_written
            runs.record(RunKind.BACKUP, name=manifest["id"], began_at=began, is_good=True, bytes_written=size)
            if keep:
                self.pruned = pruning.prune(self._target, keep)
        return manifest

    def _make(self, began: Any) -> catalogue.Manifest:
        self._target.tidy()
        for left in catalogue.unfinished_ids(self._target):
            pruning.remove(self._target, left)
        copying = Copying(self._target, self._trusted(), seen=self._seen)
        files = stored_files.stored()
        self._require_space(copying.missing_bytes(files))
        self._steps.begin("files", sum(files.values()))
        copying.run(files)
        backup_id = catalogue.new_id()
        manifest = self._write_database(backup_id)
        copying.run(stored_files.stored())
        copies = list(copying.copies.values())
        manifest["parts"][catalogue.FILES] = self._written(
            catalogue.write_json(self._target, backup_id, catalogue.FILES, [list(copy) for copy in copies])
        )
        manifest |= {
            "files": {"count": len(copies), "bytes": sum(copy.size for copy in copies)},
            "made_at": began.isoformat(),
            "seconds": round((timezone.now() - began).total_seconds(), 1),
        }
        self._target.flush()
        catalogue.write_json(self._target, backup_id, catalogue.MANIFEST, manifest)
        self.copied, self.bytes_written = copying.copied, self.bytes_written + copying.bytes_copied
        return manifest

    def _trusted(self) -> set[Copy]:
        """Return the copies that an earlier backup names. One that cannot be read names none."""
        found: set[Copy] = set()
        for backup_id in catalogue.backup_ids(self._target):
            try:
                found |= set(catalogue.read_files(self._target, backup_id))
            except BackupError:
                continue
        return found

    def _require_space(self, missing: int) -> None:
        free, needed = self._target.free(), missing + self._database.size() + MARGIN_BYTES
        if free is not None and free < needed:
            raise BackupError(
                f"There is too little room: {free // 2**20:,} MB are free, about {needed // 2**20:,} MB are needed."
            )

    def _write_database(self, backup_id: str) -> catalogue.Manifest:
        seals = _last_seals()  # before the database: then it has them
        parts = {catalogue.SEALS: self._written(catalogue.write_json(self._target, backup_id, catalogue.SEALS, seals))}
        with self._database.dump() as dump:
            migrations = dump.migrations()
            self._steps.begin("database", self._database.size())
            with ThreadPoolExecutor(1) as beside:
                counting = beside.submit(dump.tables)
                chunks = (self._passed(chunk) for chunk in dump.chunks())
                written = catalogue.write_part(self._target, backup_id, catalogue.DATABASE, chunks)
            tables = counting.result()
            parts[catalogue.DATABASE] = self._written(written)
        return {
            "format": catalogue.FORMAT,
            "id": backup_id,
            "praxis": settings.SPECTACULAR_SETTINGS["VERSION"],
            "python": platform.python_version(),
            "django": django.get_version(),
            "database": {"vendor": self._database.vendor, "version": self._database.version()},
            "migrations": migrations,
            "tables": tables,
            "keys": fingerprints(),
            "parts": parts,
        }

    def _written(self, written: Written) -> dict[str, Any]:
        self.bytes_written += written.size
        return written._asdict()

    def _passed(self, chunk: bytes) -> bytes:
        self._stopping()
        self._steps.advance(len(chunk))
        return chunk

    def _seen(self, size: int) -> None:
        self._stopping()
        self._steps.advance(size)


def fingerprints() -> dict[str, list[str]]:
    """Return the names of the keys without which the backup's data cannot be read, by what tells them apart."""
    return {
        "FIELD_ENCRYPTION_KEYS": [fingerprint(key) for key in get_keyring().keys.values()],
        "AUDIT_KEYS": [fingerprint(key) for key in settings.AUDIT_KEYS.values()],
        "SEARCH_INDEX_KEY": [fingerprint(settings.SEARCH_INDEX_KEY.encode())],
    }


@installation_scope()
def _last_seals() -> list[str]:
    """Return the line of each practice's last seal, as exports have it."""
    seals = Seal.objects.order_by("-number")
    found = (seals.filter(practice_id=practice_id).first() for practice_id in practice_ids_in(Seal))
    return [seal.line().decode() for seal in found if seal]
