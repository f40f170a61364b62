"""The drill: a backup is restored into a scratch database and a scratch folder, and looked at as what it would be."""

import hashlib
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.core.files.storage import FileSystemStorage, storages
from django.utils import timezone

from core.backups import catalogue, databases, runs
from core.backups.dumps import Database
from core.backups.errors import BackupError, Damaged
from core.backups.making import Silent, Steps
from core.backups.models import RunKind
from core.backups.stored_files import Copy, in_parallel
from core.backups.targets import Target, in_chunks
from core.backups.verifying import Verified, differences, lacks_migrations, missing_keys, require_readable

SCRATCH = "restore_drill"


@dataclass
class Report:
    """What a drill found. `checked` says what of it was looked at, by words."""

    backup: str
    seconds: float = 0
    differences: list[str] = field(default_factory=list)
    checked: dict[str, Any] = field(default_factory=dict)


class Drill:
    def __init__(self, target: Target, *, sample: int, steps: Steps | None = None) -> None:
        self._target, self._sample, self._steps = target, sample, steps or Silent()
        self._database = databases.owned()

    def run(self, wanted: str = "") -> Report:
        """Return what differs from what was backed up. Raise BackupError if there is nothing to try."""
        began = timezone.now()
        # the database's lock too: drills share the name of the scratch database, and S3 has no lock
        with self._target.lock(shared=True), self._database.lock():
            report = Report(catalogue.pick(self._target, wanted))
            try:
                self._try(report)
            except BackupError as error:
                report.differences.append(str(error))
        report.seconds = round((timezone.now() - began).total_seconds(), 1)
        runs.record(RunKind.DRILL, name=report.backup, began_at=began, is_good=not report.differences)
        return report

    def _try(self, report: Report) -> None:
        manifest = catalogue.read_manifest(self._target, report.backup)
        require_readable(manifest, self._database)
        report.differences += [f"{name}: a key of the backup's time is missing" for name in missing_keys(manifest)]
        size = manifest["files"]["bytes"]
        verified = Verified(self._target, report.backup)
        with (
            self._database.scratch(SCRATCH) as scratch,
            tempfile.TemporaryDirectory(prefix=SCRATCH, dir=_room_for(size)) as folder,
        ):
            self._steps.begin("files", size)
            self._restore_files(verified, Path(folder))
            self._steps.begin("database", manifest["parts"][catalogue.DATABASE]["size"])
            scratch.restore(catalogue.read_part(self._target, report.backup, catalogue.DATABASE))
            report.differences += differences(manifest, scratch)
            report.checked = {"tables": len(manifest["tables"]), "files": len(verified.files)}
            report.checked["rows"] = sum(table["rows"] for table in manifest["tables"].values())
            self._look_inside(report, verified, scratch, Path(folder))

    def _restore_files(self, verified: Verified, folder: Path) -> None:
        """Each is read once, and checked while it is written."""

        def restore(copy: Copy) -> int:
            path, digest = folder / copy.name, hashlib.sha256()
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._target.open(copy.object) as file, path.open("wb") as written:
                for chunk in in_chunks(file):
                    digest.update(chunk)
                    written.write(chunk)
            if digest.hexdigest() != copy.sha256:
                raise Damaged(f"{copy.object} is damaged: it is not what was written.")
            return copy.size

        in_parallel(restore, verified.files, seen=self._steps.advance)

    def _look_inside(self, report: Report, verified: Verified, scratch: Database, folder: Path) -> None:
        """Ask Praxis itself, as another process with this database and these files: the trail with its seals, and
        whether fields and files decrypt."""
        seals = folder.parent / f"{folder.name}-seals"
        seals.write_text("".join(f"{line}\n" for line in verified.seals))
        environment = {**os.environ, "DATABASE_URL": scratch.url(), "FILES_DIR": str(folder), **_NOTHING_ELSE}
        try:
            if lacks_migrations(verified.manifest):
                _manage(environment, "migrate", "--verbosity", "0")
            done = _manage(environment, "check_restored", "--seals", str(seals), "--sample", str(self._sample))
        finally:
            seals.unlink(missing_ok=True)
        try:
            inside = orjson.loads(done.stdout)
        except ValueError as error:
            raise BackupError(f"The restored database could not be looked at (exit code {done.returncode}).") from error
        report.differences += inside["differences"]
        report.checked |= inside["checked"]


def _manage(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments]
    return subprocess.run(command, env=environment, cwd=settings.BASE_DIR, capture_output=True, check=False)  # noqa: S603 - ours


_NOTHING_ELSE = {
    **dict.fromkeys(("BACKUP_DATABASE_URL", "BACKUP_TARGET", "FILES_S3_BUCKET", "REDIS_URL"), ""),
    "WEB_CONCURRENCY": "1",  # more would need Redis
}


def _room_for(size: int) -> str | None:
    """Return the folder for the scratch files: beside the files if they are in a folder, where there is as much room
    as they take."""
    storage = storages["files"]
    place = Path(storage.path("")).parent if isinstance(storage, FileSystemStorage) else Path(tempfile.gettempdir())
    if not os.access(place, os.W_OK):
        place = Path(tempfile.gettempdir())
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    if free < size:
        raise BackupError(f"{place} has too little room for the drill: {size // 2**20:,} MB of files are needed.")
    return str(place)
