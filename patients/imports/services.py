"""Imports (docs/adr/0049): a file is read into encrypted parts, its columns are matched with fields, every line is
checked, and then imported, part by part. Each step is one transaction that also says how far it came, so that work that
is interrupted goes on where it stopped, and no line is ever half imported."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from audit import context as origin
from audit import log
from audit.events import AuditEvent
from core.errors import Conflict, Forbidden, Invalid
from core.permissions import Permission
from patients.imports.csv_reader import NO_LINES, Columns, Row, detect_layout, rows_of
from patients.imports.importers import IMPORTERS, Verdict, cells_of, context_of, normalize_name
from patients.models import DateOrder, Import, ImportLine, ImportMapping, ImportPart, ImportState, LineState

PART_LINES, PART_BYTES = 500, 1_000_000
UNDO_LINES = 50
RETENTION = timedelta(days=7)  # the text of a file
NAME_LENGTH = 255
NOT_IMPORTED = (LineState.WRONG, LineState.DOUBLE)  # what an import leaves

BUSY = gettext_lazy("This import is at another stage by now. Look at it again.")
NOT_ALLOWED = gettext_lazy("Only an office manager can import files.")
RAGGED = gettext_lazy("This line has %(found)d columns, and the names of the columns are %(expected)d.")
TWICE = gettext_lazy("Line %(number)d of this file is the same.")
TAKEN_TWICE = gettext_lazy("Two columns can't be the same field: %(field)s.")
MISSING = gettext_lazy("Say which column is this: %(field)s.")
ORDER_MISSING = gettext_lazy("Say how the dates in this file are written.")
NOT_THIS_ORDER = gettext_lazy("The file says otherwise: see line %(number)d.")
TOO_OLD = gettext_lazy("The text of this file has been removed. Upload it again.")


def check_may_import(by: User) -> None:
    if not by.can(Permission.IMPORT_DATA):
        raise Forbidden(NOT_ALLOWED)


def get_import(*, by: User, pk: UUID) -> Import:
    """Raises NotFound and Forbidden."""
    check_may_import(by)
    found: Import = Import.objects.get_or_refuse(pk=pk)
    return found


def read_file(
    *,
    by: User,
    kind: str,
    chunks: Callable[[], Iterable[bytes]],
    file_name: str = "",
    encoding: str = "",
    separator: str = "",
    has_names: bool = True,
) -> Import:
    """Read a file into parts, as it is written or as `encoding` and `separator` say. Raises Invalid and Forbidden."""
    check_may_import(by)
    layout = detect_layout(chunks, encoding=encoding, separator=separator)
    with transaction.atomic(), origin.done_by(by):
        rows = rows_of(chunks(), layout)
        first = next(rows, None)
        if first is None:
            raise Invalid("file", NO_LINES)
        names = first[1] if has_names else [""] * len(first[1])
        columns = Columns([name or _("Column %(number)d") % {"number": at} for at, name in enumerate(names, 1)])
        batch = Import(
            kind=kind,
            made_by=by,
            file_name=file_name[:NAME_LENGTH],
            encoding=layout.encoding,
            separator=layout.separator,
            quoted=layout.quoted,
            columns=columns.found,
        )
        batch.save(force_insert=True)
        for number, part in enumerate(_parts(rows if has_names else _after(first, rows), columns), 1):
            ImportPart(of=batch, number=number, rows=part).save(force_insert=True)
            batch.parts_count, batch.lines = number, batch.lines + len(part)
        if not batch.lines:
            raise Invalid("file", NO_LINES)
        batch.columns = columns.found
        batch.save()
        _log(AuditEvent.IMPORT_UPLOADED, batch, lines=batch.lines)
    return batch


def _after(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _parts(rows: Iterable[Row], columns: Columns) -> Iterator[list[Row]]:
    """Yield the rows in parts of which each fits into memory many times over."""
    part, size = list[Row](), 0
    for number, cells in rows:
        columns.look_at(number, cells)
        part.append((number, cells))
        size += sum(map(len, cells))
        if len(part) == PART_LINES or size > PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


# --- Matching ---------------------------------------------------------------------------------------------------------


def suggested_mapping(batch: Import) -> dict[str, int]:
    """Return the columns of the fields as they were matched last, else by their names."""
    names = [column["name"] for column in batch.columns]
    found = IMPORTERS[batch.kind].suggest(names)
    remembered = ImportMapping.objects.filter(kind=batch.kind).first()
    if remembered is None:
        return found
    columns = [normalize_name(name) for name in names]
    for name, column in remembered.fields.items():
        if column in columns:
            at = columns.index(column)
            found = {other: place for other, place in found.items() if place != at or other == name} | {name: at}
    return found


def date_evidence(batch: Import, mapping: dict[str, int]) -> dict[str, int]:
    """Return for each order of dates the first line that can only be read in it: `{"dmy": 14}`."""
    found: dict[str, int] = {}
    for name in IMPORTERS[batch.kind].days & mapping.keys():
        column = batch.columns[mapping[name]]
        for told, order in (("day", DateOrder.DAY_FIRST), ("month", DateOrder.MONTH_FIRST)):
            if told in column:
                found[order.value] = min(column[told], found.get(order.value, column[told]))
    return found


@transaction.atomic
def match_columns(
    *, by: User, pk: UUID, mapping: dict[str, int], date_order: str = "", doctor_id: UUID | None = None
) -> Import:
    """Say which column is which field, and in which order dates are written; begin to check the lines. Raises Invalid,
    NotFound and Conflict."""
    batch = _locked(by, pk, ImportState.READ, ImportState.CHECKED)
    if batch.emptied_at:
        raise Conflict(TOO_OLD)
    kind = IMPORTERS[batch.kind]
    _check_mapping(batch, mapping)
    doctor = User.objects.doctor(doctor_id) if doctor_id else None
    if kind.asks_doctor and not doctor and "doctor" not in mapping:
        raise Invalid("doctor", MISSING % {"field": _("Doctor")})
    _check_order(batch, mapping, date_order)
    _drop(ImportLine, batch)
    batch.mapping, batch.date_order, batch.doctor = mapping, date_order, doctor
    batch.state, batch.position = ImportState.CHECKING, 0
    batch.save()
    names = {name: normalize_name(batch.columns[at]["name"]) for name, at in mapping.items()}
    kept = ImportMapping.objects.select_for_update().filter(kind=batch.kind).first()
    kept = kept or ImportMapping(kind=batch.kind, fields={})
    kept.fields = names
    kept.save()
    return batch


def _check_mapping(batch: Import, mapping: dict[str, int]) -> None:
    kind = IMPORTERS[batch.kind]
    known, columns = {one.name for one in kind.fields}, len(batch.columns)
    if mapping.keys() - known or not all(0 <= at < columns for at in mapping.values()):
        raise Invalid("mapping", BUSY)
    for needed in kind.one_of:
        if not mapping.keys() & set(needed):
            raise Invalid(needed[0], MISSING % {"field": " / ".join(str(kind.label_of(name)) for name in needed)})


def _check_order(batch: Import, mapping: dict[str, int], date_order: str) -> None:
    if not IMPORTERS[batch.kind].days & mapping.keys():
        return
    if date_order not in DateOrder.values:
        raise Invalid("date_order", ORDER_MISSING)
    told = date_evidence(batch, mapping)
    if told and date_order not in told:
        raise Invalid("date_order", NOT_THIS_ORDER % {"number": min(told.values())})


# --- Steps ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def step(*, by: User, pk: UUID) -> Import:
    """Do the next part of the work, if there is any, and return how far it is. Raises NotFound and Forbidden."""
    batch = _locked(by, pk)
    with origin.done_by(by):
        if batch.state in (ImportState.CHECKING, ImportState.RUNNING):
            part = ImportPart.objects.filter(of=batch, number__gt=batch.position).order_by("number").first()
            if part is None:
                _finish(batch)
            else:
                (_check_part if batch.state == ImportState.CHECKING else _make_part)(batch, part, by)
                batch.position = part.number
        elif batch.state == ImportState.UNDOING:
            _undo_some(batch, by)
        batch.save()
    return batch


def _check_part(batch: Import, part: ImportPart, by: User) -> None:
    width, sound, verdicts = len(batch.columns), [], []
    for number, cells in part.rows:
        while len(cells) > width and not cells[-1]:
            cells.pop()  # Excel ends lines with empty cells
        if len(cells) == width:
            sound.append((number, cells_of(batch, cells)))
        else:
            ragged = Verdict(number)
            ragged.wrong("", RAGGED % {"found": len(cells), "expected": width})
            verdicts.append(ragged)
    verdicts += IMPORTERS[batch.kind].check(sound, context_of(batch, by))
    verdicts.sort(key=lambda verdict: verdict.number)
    _find_twice(batch, verdicts)
    texts = dict(part.rows)
    ImportLine.objects.bulk_create([_line_of(batch, verdict, texts[verdict.number]) for verdict in verdicts])


def _find_twice(batch: Import, verdicts: list[Verdict]) -> None:
    """Mark lines that say the same as an earlier one."""
    keys = [verdict.person for verdict in verdicts if verdict.person is not None]
    earlier = ImportLine.objects.filter(of=batch, person__in=keys).exclude(state=LineState.WRONG)
    seen: dict[int, int] = {}
    for person, number in earlier.order_by("number").values_list("person", "number"):
        seen.setdefault(person, number)
    for verdict in verdicts:
        if verdict.person is None or verdict.state == LineState.WRONG:
            continue
        first = seen.setdefault(verdict.person, verdict.number)
        if first != verdict.number:
            verdict.state = LineState.DOUBLE
            verdict.problems.append(TWICE % {"number": first})


def _line_of(batch: Import, verdict: Verdict, cells: list[str]) -> ImportLine:
    report = {
        "problems": verdict.problems,
        "candidates": [[str(pk), why] for pk, why in verdict.candidates],
        "cells": cells,
    }
    return ImportLine(
        of=batch,
        number=verdict.number,
        state=verdict.state,
        row_id=verdict.row_id,
        person=verdict.person,
        number_key=verdict.number_key,
        report=report if verdict.state in NOT_IMPORTED else None,
    )


def _make_part(batch: Import, part: ImportPart, by: User) -> None:
    """Import a part's lines that are ready, and remove its text."""
    ready = ImportLine.objects.filter(of=batch, state=LineState.READY, number__in=[row[0] for row in part.rows])
    lines = {line.number: line for line in ready}
    texts = dict(part.rows)
    asked = [(number, line.row_id, cells_of(batch, texts[number])) for number, line in sorted(lines.items())]
    failed = IMPORTERS[batch.kind].make([one for one in asked if one[1]], context_of(batch, by)) if asked else {}
    for number, reason in failed.items():
        line = lines.pop(number)
        line.state = LineState.WRONG
        line.report = {"problems": [reason], "candidates": [], "cells": texts[number]}
        line.save()
    ImportLine.objects.filter(pk__in=[line.pk for line in lines.values()]).update(state=LineState.MADE)
    part.delete()


def _finish(batch: Import) -> None:
    if batch.state == ImportState.CHECKING:
        batch.state, batch.position = ImportState.CHECKED, 0
        return
    batch.state, batch.finished_at = ImportState.DONE, timezone.now()
    found = counts(batch)
    if not any(found[state] for state in NOT_IMPORTED):
        batch.emptied_at = timezone.now()
    _log(AuditEvent.IMPORT_FINISHED, batch, **{state.value: number for state, number in found.items() if number})


def _undo_some(batch: Import, by: User) -> None:
    kind, made = IMPORTERS[batch.kind], ImportLine.objects.filter(of=batch, state=LineState.MADE).order_by("-number")
    lines = list(made[:UNDO_LINES])
    rows = kind.untouched([line.row_id for line in lines if line.row_id]) if lines else {}
    for line in lines:
        row = rows.get(line.row_id) if line.row_id else None
        if row is not None:
            kind.take_back(row, by=by)
        line.state = LineState.KEPT if row is None else LineState.UNDONE
        line.save(update_fields={"state", "updated_at"})
    if len(lines) < UNDO_LINES:
        batch.state = ImportState.UNDONE
        found = counts(batch)
        _log(AuditEvent.IMPORT_UNDONE, batch, undone=found[LineState.UNDONE], kept=found[LineState.KEPT])


def counts(batch: Import) -> dict[LineState, int]:
    """Return how many lines are in each state."""
    found = dict(ImportLine.objects.filter(of=batch).order_by().values_list("state").annotate(Count("pk")))
    return {state: found.get(state.value, 0) for state in LineState}


# --- What people decide -----------------------------------------------------------------------------------------------


@transaction.atomic
def start(*, by: User, pk: UUID) -> Import:
    """Begin to import what was found to be right. Raises Conflict."""
    batch = _locked(by, pk, ImportState.CHECKED)
    if batch.emptied_at:
        raise Conflict(TOO_OLD)
    batch.state, batch.position = ImportState.RUNNING, 0
    batch.save()
    return batch


@transaction.atomic
def decide(*, by: User, pk: UUID, number: int | None, chart_id: UUID | None = None, make: bool = False) -> Import:
    """Say of a line that may be here already, or with `number` None of all of them, that it is to be imported, or not
    (again); or that it is this chart, one of those that were found. Raises NotFound, Conflict and Invalid."""
    batch = _locked(by, pk, ImportState.CHECKED)
    open_lines = ImportLine.objects.filter(of=batch, state__in=(LineState.DOUBLE, LineState.READY, LineState.SAME))
    if number is None:
        open_lines.filter(state=LineState.DOUBLE).update(state=LineState.READY)
        return batch
    line: ImportLine = open_lines.filter(report__isnull=False).select_for_update().get_or_refuse(number=number)
    if chart_id is not None:
        if str(chart_id) not in [pk for pk, _why in report_of(line)["candidates"]]:
            raise Invalid("chart", BUSY)
        line.state, line.row_id = LineState.SAME, chart_id
    else:
        if line.state == LineState.SAME:
            line.row_id = ImportLine().pk  # a new one, as that of a chart is
        line.state = LineState.READY if make else LineState.DOUBLE
    line.save()
    return batch


@transaction.atomic
def undo(*, by: User, pk: UUID) -> Import:
    """Begin to take back what nobody has changed since. Raises Conflict."""
    batch = _locked(by, pk, ImportState.DONE)
    batch.state, batch.position = ImportState.UNDOING, 0
    batch.save()
    return batch


@transaction.atomic
def discard(*, by: User, pk: UUID) -> None:
    """Remove an import that has not begun, or the text that one has left. Raises Conflict."""
    batch = _locked(by, pk)
    if batch.state in (ImportState.READ, ImportState.CHECKING, ImportState.CHECKED):
        _remove(batch)
    elif batch.state in (ImportState.DONE, ImportState.UNDONE):
        _empty(batch)
    else:
        raise Conflict(BUSY)


def remove_old() -> int:
    """Remove the text of files that were uploaded more than a week ago, and return how many. Imports that had not begun
    are removed with it; what is being imported is left alone."""
    old = Import.objects.filter(created_at__lt=timezone.now() - RETENTION, emptied_at=None)
    keys = list(old.exclude(state=ImportState.RUNNING).order_by("id").values_list("pk", flat=True))
    for key in keys:
        with transaction.atomic():
            batch = Import.objects.select_for_update().filter(pk=key).exclude(state=ImportState.RUNNING).first()
            if batch is None:
                continue
            if batch.state in (ImportState.READ, ImportState.CHECKING, ImportState.CHECKED):
                _remove(batch)
            else:
                _empty(batch)
    return len(keys)


def _remove(batch: Import) -> None:
    _log(AuditEvent.IMPORT_REMOVED, batch)
    _drop(ImportLine, batch)
    _drop(ImportPart, batch)
    batch.delete()


def _drop(model: type[ImportLine | ImportPart], batch: Import) -> None:
    """Delete the rows without loading any of them: there may be a million, and nothing refers to them."""
    rows: Any = model.objects.filter(of=batch)
    rows._raw_delete(rows.db)


def _empty(batch: Import) -> None:
    _drop(ImportPart, batch)
    ImportLine.objects.filter(of=batch).filter(report__isnull=False).update(report=None)
    batch.emptied_at, batch.file_name = timezone.now(), ""
    batch.save()
    _log(AuditEvent.IMPORT_REMOVED, batch)


def lines_not_imported(batch: Import) -> Iterator[dict[str, Any]]:
    """Yield the reports of the lines that were not imported, without all of them in memory."""
    lines = ImportLine.objects.filter(of=batch, state__in=NOT_IMPORTED).filter(report__isnull=False).order_by("number")
    for line in lines.iterator(PART_LINES):
        yield report_of(line)


def report_of(line: ImportLine) -> dict[str, Any]:
    return line.report or {"problems": [], "candidates": [], "cells": []}


def _locked(by: User, pk: UUID, *states: ImportState) -> Import:
    """Return the import, locked: a step and a decision wait for each other. Raises NotFound, Forbidden and Conflict."""
    check_may_import(by)
    batch: Import = Import.objects.select_for_update(of=("self",)).get_or_refuse(pk=pk)
    if states and batch.state not in states:
        raise Conflict(BUSY)
    return batch


def _log(kind: AuditEvent, batch: Import, **details: Any) -> None:
    label = Import._meta.label
    log.record(kind, practice_id=batch.practice_id, about=label, about_id=batch.pk, what=batch.kind, **details)
