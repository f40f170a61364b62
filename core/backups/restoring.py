"""Restoring a backup onto an empty database and an empty storage of files."""

from django.db import connection
from django.utils import timezone

from core.backups import catalogue, databases, runs, stored_files
from core.backups.errors import BackupError
from core.backups.making import Silent, Steps
from core.backups.models import RunKind
from core.backups.stored_files import Copy
from core.backups.targets import Target
from core.backups.verifying import Verified, differences, missing_keys, require_readable

NOT_EMPTY = "The database is not empty. A backup is restored onto an empty one; nothing was changed."


class Restore:
    """Restores one backup. Everything is checked before anything is touched; the database comes last, whole or not at
    all, so that a restore that was interrupted is run again."""

    def __init__(self, target: Target, *, steps: Steps | None = None) -> None:
        self._target, self._steps = target, steps or Silent()
        self._database = databases.owned()
        self.missing_keys: list[str] = []

    def run(self, wanted: str = "") -> catalogue.Manifest:
        """Restore the newest backup, or the one whose id begins so. The restored database's trail says who did it, and
        the trail of one that is in use who tried."""
        began = timezone.now()
        with self._target.lock(shared=True):
            backup_id = catalogue.pick(self._target, wanted)
            if not self._database.is_empty():
                runs.record(RunKind.RESTORE, name=backup_id, began_at=began, is_good=False)
                raise BackupError(NOT_EMPTY)
            manifest = self._restore(backup_id)
        connection.close()  # it may be to a file that is no more
        runs.record(RunKind.RESTORE, name=backup_id, began_at=began, is_good=True)
        return manifest

    def _restore(self, backup_id: str) -> catalogue.Manifest:
        manifest = catalogue.read_manifest(self._target, backup_id)
        require_readable(manifest, self._database)
        self._steps.begin("checking", manifest["files"]["bytes"])
        verified = Verified(self._target, backup_id)
        verified.check_files(self._steps.advance)
        self._require_empty_storage(verified)
        self.missing_keys = missing_keys(manifest)
        self._steps.begin("files", manifest["files"]["bytes"])
        stored_files.in_parallel(self._restore_file, verified.files, seen=self._steps.advance)
        self._steps.begin("database", manifest["parts"][catalogue.DATABASE]["size"])
        self._database.restore(catalogue.read_part(self._target, backup_id, catalogue.DATABASE))
        try:
            found = differences(manifest, self._database)
        except BackupError as error:
            raise BackupError(
                f"Everything was restored, but the database could not be compared with the backup: {error} Do not "
                "restore again: go on with migrate, setup_database_roles --apply and audit_verify."
            ) from error
        if found:
            raise BackupError(f"The restored database is not what was backed up: {'; '.join(found)}.")
        return manifest

    def _restore_file(self, copy: Copy) -> int:
        stored_files.restore(self._target, copy)
        return copy.size

    def _require_empty_storage(self, verified: Verified) -> None:
        """What an interrupted restore of this backup left there is its own."""
        strange = stored_files.stored().keys() - {copy.name for copy in verified.files}
        if strange:
            raise BackupError(
                f"The storage of files is not empty: it has {len(strange):,} files that are not in this backup. "
                "Nothing was changed."
            )
