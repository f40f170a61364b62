"""What the rows say and what the storage holds, compared: what an upload that was killed has left behind goes, and a
file that is missing is named (docs/adr/0018).

Nothing is touched that is younger than `older_than`, for it may be on its way. The storage is listed before the rows
are asked, and a row is always there before its object: what is listed and has no row has none any more.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit import trail
from audit.events import Kind
from core.tenancy import practice_scope
from practices.models import Practice
from records.files import storing
from records.models import Attachment
from records.models.attachment import State

ENOUGH = 20  # files, from which on it is told whether most of them are missing, or unknown
MISSABLE = (State.QUARANTINED, State.READY, State.INFECTED)


class UnknownFiles(Exception):
    """The storage holds files, and the database knows of not one: it is hardly the database that they belong to."""


@dataclass
class Reconciling:
    """`unfinished` and `ownerless` count what was removed, or with `dry_run` would be, `newly_lost` what was marked,
    `checked` rows, and `listed` what the storage holds; the lists hold ids of rows."""

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
        """Yields after each of storing.FOLDERS. Raises StorageDown and UnknownFiles; what was done until then stays
        done, and another run goes on."""
        self._discard_unfinished()
        for folder in storing.FOLDERS:
            stored = storing.names_in(folder)
            self.listed += len(stored)
            known: set[str] = set()
            for practice_id in self._practices:
                with practice_scope(practice_id):
                    known |= self._compare(folder, stored)
            self._remove_ownerless(stored - known)
            yield

    def doubt(self) -> str | None:
        """After a dry run: why this is hardly the storage of this database: an empty or wrong mount looks so."""
        if self.newly_lost and not self.listed:
            return "The storage holds no file at all, and the database knows of some."
        if self.checked >= ENOUGH and self.newly_lost > self.checked / 2:
            return f"Of {self.checked:,} files {self.newly_lost:,} would be marked as missing."
        if self.listed >= ENOUGH and self.ownerless > self.listed / 2:
            return f"Of {self.listed:,} files in the storage {self.ownerless:,} would be removed."
        return None

    # --- Rows ---------------------------------------------------------------------------------------------------------

    def _discard_unfinished(self) -> None:
        for practice_id in self._practices:
            with practice_scope(practice_id):
                begun = Attachment.with_deleted.filter(state=State.STORING, created_at__lt=self._before)
                for attachment_id in list(begun.values_list("pk", flat=True)):
                    self.unfinished += self.dry_run or storing.discard(attachment_id)

    def _compare(self, folder: str, stored: set[str]) -> set[str]:
        """The names that this practice's rows have in the folder."""
        rows = Attachment.with_deleted.filter(storage_name__startswith=f"{folder}/")
        known = set()
        for row in rows.select_related("deletion").defer("name", "data_key"):
            known.add(row.storage_name)
            self.checked += 1
            if row.deletion is not None and row.deletion.purge_began_at is not None:
                self.being_purged.append(row.pk)
            elif row.state == State.LOST:
                self._look_again(row, is_there=row.storage_name in stored)
            elif row.state in MISSABLE and row.storage_name not in stored and row.created_at < self._before:
                self._miss(row)
        return known

    def _miss(self, row: Attachment) -> None:
        if storing.exists(row.storage_name):
            return  # the listing was older
        if self.dry_run or self._set_state(row, State.LOST, of=MISSABLE):
            self.lost.append(row.pk)
            self.newly_lost += 1

    def _look_again(self, row: Attachment, *, is_there: bool) -> None:
        """One that has come back, as from a backup, is scanned before it is handed out: it may have been waiting."""
        if not is_there:
            self.lost.append(row.pk)
        elif self.dry_run or self._set_state(row, State.QUARANTINED, of=(State.LOST,)):
            self.found_again.append(row.pk)

    @transaction.atomic
    def _set_state(self, row: Attachment, state: State, *, of: tuple[State, ...]) -> bool:
        rows = Attachment.with_deleted.select_for_update(of=("self",)).filter(pk=row.pk, state__in=of)
        now: Attachment | None = rows.first()
        if now is None:
            return False  # somebody was faster
        now.state, now.scanned_at, now.scan_tries = state, None, 0
        now.save(update_fields={"state", "scanned_at", "scan_tries", "updated_at"})
        trail.record_change(now, kind=Kind.CHANGED, fields=["state"])
        return True

    # --- The storage --------------------------------------------------------------------------------------------------

    def _remove_ownerless(self, names: set[str]) -> None:
        for name in self._old(names):
            if not self._has_rows:
                raise UnknownFiles
            if not self.dry_run:
                storing.remove(name)
            self.ownerless += 1

    def _old(self, names: set[str]) -> Iterator[str]:
        for name in sorted(names):
            modified_at = storing.modified_at(name)
            if modified_at is not None and modified_at < self._before:
                yield name

    @cached_property
    def _has_rows(self) -> bool:
        return any(self._in_scope(practice_id, Attachment.with_deleted.exists) for practice_id in self._practices)

    def _in_scope(self, practice_id: UUID, ask: Any) -> bool:
        with practice_scope(practice_id):
            return bool(ask())
