"""Comparing rows and storage: what a killed upload left behind is removed, and missing files are reported
(docs/adr/0018).

Anything younger than `older_than` is left alone, as it may still be uploading. Storage is listed before the rows are
read, and a row always exists before its object: so a listed object without a row has really lost its row.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit import log
from audit.events import AuditEvent
from core.tenancy.scope import installation_scope, practice_scope
from practices.models import Practice
from records.attachments import storage
from records.models import Attachment
from records.models.attachment import FileState

NOT_YOUNGER = timedelta(minutes=60)  # longer than any upload takes
MIN_FILES_TO_COMPARE = 20  # below this, the share of missing or unknown files says nothing
EXPECTED_STATES = (FileState.QUARANTINED, FileState.READY, FileState.INFECTED)


class UnknownFiles(Exception):
    """The storage holds files, but the database knows none of them: is it the database they belong to?"""


@dataclass
class Reconciliation:
    """One run and its results. `unfinished` and `ownerless` count what was removed (or would be, with `dry_run`),
    `newly_lost` what was marked, `checked` rows, and `listed` objects in storage; the lists hold ids of rows."""

    older_than: timedelta
    dry_run: bool = False
    checked: int = 0
    listed: int = 0
    unfinished: int = 0
    ownerless: int = 0
    newly_lost: int = 0
    lost: list[UUID] = field(default_factory=list)
    found_again: list[UUID] = field(default_factory=list)
    being_purged: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._before: datetime = timezone.now() - self.older_than

    @cached_property
    def _practices(self) -> list[UUID]:
        return list(Practice.objects.order_by("pk").values_list("pk", flat=True))

    def run(self) -> Generator[None]:
        """Compare everything; yield after each of storage.FOLDERS. Raises StorageUnavailable and UnknownFiles; what was
        done before stays done, and another run continues."""
        self._discard_unfinished()
        for folder in storage.FOLDERS:
            stored = storage.list_names(folder)
            self.listed += len(stored)
            known: set[str] = set()
            for practice_id in self._practices:
                with practice_scope(practice_id):
                    known |= self._compare(folder, stored)
            self._remove_ownerless(stored - known)
            yield

    def find_mismatch(self) -> str | None:
        """After a dry run, return why this is probably not the storage of this database, as with an empty or wrong
        mount."""
        if self.newly_lost and not self.listed:
            return "The storage is empty, but the database lists files."
        if self.checked >= MIN_FILES_TO_COMPARE and self.newly_lost > self.checked / 2:
            return f"Of {self.checked:,} files {self.newly_lost:,} would be marked as missing."
        if self.listed >= MIN_FILES_TO_COMPARE and self.ownerless > self.listed / 2:
            return f"Of {self.listed:,} files in the storage {self.ownerless:,} would be removed."
        return None

    # --- Rows ---------------------------------------------------------------------------------------------------------

    def _discard_unfinished(self) -> None:
        for practice_id in self._practices:
            with practice_scope(practice_id):
                begun = Attachment.with_deleted.filter(state=FileState.STORING, created_at__lt=self._before)
                for attachment_id in list(begun.values_list("pk", flat=True)):
                    self.unfinished += self.dry_run or storage.discard(attachment_id)

    def _compare(self, folder: str, stored: set[str]) -> set[str]:
        """Check this practice's rows in the folder and return their names."""
        rows = Attachment.with_deleted.filter(storage_name__startswith=f"{folder}/")
        known = set()
        for row in rows.select_related("deletion").defer("name", "data_key"):
            known.add(row.storage_name)
            self.checked += 1
            if row.deletion is not None and row.deletion.purge_began_at is not None:
                self.being_purged.append(row.pk)
            elif row.state == FileState.LOST:
                self._check_lost(row, is_there=row.storage_name in stored)
            elif row.state in EXPECTED_STATES and row.storage_name not in stored and row.created_at < self._before:
                self._mark_lost(row)
        return known

    def _mark_lost(self, row: Attachment) -> None:
        if storage.exists(row.storage_name):
            return  # stored after the listing
        if self.dry_run or self._set_state(row, FileState.LOST, from_states=EXPECTED_STATES):
            self.lost.append(row.pk)
            self.newly_lost += 1

    def _check_lost(self, row: Attachment, *, is_there: bool) -> None:
        """Scan a file that has reappeared, for example from a backup, before it can be downloaded: it may have been in
        quarantine."""
        if not is_there:
            self.lost.append(row.pk)
        elif self.dry_run or self._set_state(row, FileState.QUARANTINED, from_states=(FileState.LOST,)):
            self.found_again.append(row.pk)

    @transaction.atomic
    def _set_state(self, row: Attachment, state: FileState, *, from_states: tuple[FileState, ...]) -> bool:
        rows = Attachment.with_deleted.select_for_update(of=("self",)).filter(pk=row.pk, state__in=from_states)
        now: Attachment | None = rows.first()
        if now is None:
            return False  # changed meanwhile
        now.state, now.scanned_at, now.scan_tries = state, None, 0
        now.save(update_fields={"state", "scanned_at", "scan_tries", "updated_at"})
        log.record_change(now, kind=AuditEvent.CHANGED, fields=["state"])
        return True

    # --- The storage --------------------------------------------------------------------------------------------------

    def _remove_ownerless(self, names: set[str]) -> None:
        for name in self._old(names):
            if not self._has_rows:
                raise UnknownFiles
            if not self.dry_run:
                storage.remove(name)
            self.ownerless += 1

    def _old(self, names: set[str]) -> Iterator[str]:
        for name in sorted(names):
            modified_at = storage.get_modified_time(name)
            if modified_at is not None and modified_at < self._before:
                yield name

    @cached_property
    def _has_rows(self) -> bool:
        return any(self._in_scope(practice_id, Attachment.with_deleted.exists) for practice_id in self._practices)

    def _in_scope(self, practice_id: UUID, ask: Any) -> bool:
        with practice_scope(practice_id):
            return bool(ask())


def log_run(work: Reconciliation, state: str) -> None:
    """Record a run that changed something, "done" or "stopped"."""
    with installation_scope():
        log.record(
            AuditEvent.FILES_RECONCILED,
            practice_id=None,
            state=state,
            checked=work.checked,
            unfinished=work.unfinished,
            ownerless=work.ownerless,
            found_again=len(work.found_again),
            lost=len(work.lost),
        )
