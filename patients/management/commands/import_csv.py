"""`manage.py import_csv`: import a CSV file of patients or appointments, as the page does (docs/adr/0049)."""

from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from accounts.models import User
from audit import context
from core.encryption.blind_index import email_fingerprint
from core.errors import Invalid, Refusal
from core.forms import as_uuid
from core.tenancy.scope import installation_scope, practice_scope
from patients.imports import services
from patients.imports.csv_reader import ENCODINGS, SEPARATORS
from patients.imports.importers import IMPORTERS
from patients.models import DateOrder, Import, ImportLine, ImportState, LineState

CHUNK = 64 * 1024
NAMES_OF_SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
LISTED = 20


class Command(BaseCommand):
    help = (
        "Import a CSV file of patients or appointments. Every line is checked first, and lines that are wrong or may "
        "be here already are left out and listed. An interrupted import goes on with --continue; it is undone with "
        "--undo, which keeps what somebody has changed since. Both take the id that the import prints. Ends with 1 if "
        "any line was left out or kept."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", choices=sorted(IMPORTERS), help="what the file has in its lines")
        parser.add_argument("file", nargs="?", type=Path, help="the file")
        parser.add_argument("--by", required=True, metavar="EMAIL", help="the office manager whose import it is")
        parser.add_argument(
            "--dates", choices=DateOrder.values, default="", help="how dates are written: dmy is 31/12/1980"
        )
        parser.add_argument(
            "--map", action="append", default=[], metavar="FIELD=COLUMN",
            help="read this field from the column of this name; those not given are found by their names",
        )  # fmt: skip
        parser.add_argument("--doctor", default="", metavar="EMAIL", help="whose the appointments without a doctor are")
        parser.add_argument("--encoding", choices=sorted(ENCODINGS), default="", help="default: recognise it")
        parser.add_argument("--separator", choices=NAMES_OF_SEPARATORS, default="", help="default: recognise it")
        parser.add_argument("--dry-run", action="store_true", help="only say what would come of each line")
        parser.add_argument("--import-doubles", action="store_true", help="import lines that may be here already, too")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--continue", dest="go_on", metavar="ID", help="go on with an import that was interrupted")
        what.add_argument("--undo", metavar="ID", help="take an import back")

    def handle(self, *args: Any, **options: Any) -> None:
        by = _manager(options.pop("by"))
        assert by.practice_id is not None
        with practice_scope(by.practice_id), context.done_by(by):
            try:
                self._handle(by, **options)
            except Invalid as refusal:
                raise CommandError(refusal.message) from refusal
            except Refusal as refusal:
                raise CommandError(refusal.detail) from refusal

    def _handle(self, by: User, *, go_on: str | None, undo: str | None, dry_run: bool, **options: Any) -> None:
        if undo:
            batch = services.get_import(by=by, pk=_key(undo))
            if batch.state != ImportState.UNDOING:
                services.undo(by=by, pk=batch.pk)
        elif go_on:
            batch = services.get_import(by=by, pk=_key(go_on))
        else:
            batch = self._read(by, **options)
        self._work(by, batch)
        batch.refresh_from_db()
        if batch.state == ImportState.CHECKED and not dry_run:
            if options["import_doubles"]:
                services.decide(by=by, pk=batch.pk, number=None)
            services.start(by=by, pk=batch.pk)
            self._work(by, batch)
        self._report(by, batch, dry_run=dry_run)

    def _read(self, by: User, *, kind: str, file: Path | None, **options: Any) -> Import:
        if file is None or not file.is_file():
            raise CommandError("Name a file.")
        separator = NAMES_OF_SEPARATORS.get(options["separator"], "")
        batch = services.read_file(
            by=by,
            kind=kind,
            chunks=lambda: _chunks(file),
            file_name=file.name,
            encoding=options["encoding"],
            separator=separator,
        )
        layout = f"{ENCODINGS[batch.encoding]}, {str(SEPARATORS[batch.separator]).lower()} between columns"
        self.stdout.write(f"Import {batch.pk}: {batch.lines:,} lines, {layout}.")
        try:
            mapping = _mapping(batch, options["map"])
            for name, at in mapping.items():
                self.stdout.write(f"  {name}: {batch.columns[at]['name']}")
            doctor = _colleague(options["doctor"]).pk if options["doctor"] else None
            services.match_columns(by=by, pk=batch.pk, mapping=mapping, date_order=options["dates"], doctor_id=doctor)
        except (Refusal, CommandError):
            services.discard(by=by, pk=batch.pk)
            raise
        return batch

    def _work(self, by: User, batch: Import) -> None:
        with tqdm(total=batch.lines, unit=" lines", disable=None) as bar:
            while (now := services.step(by=by, pk=batch.pk)).is_at_work:
                bar.n = batch.lines * now.position // max(1, now.parts_count)
                bar.refresh()

    def _report(self, by: User, batch: Import, *, dry_run: bool) -> None:
        counts = services.counts(batch)
        for state, number in counts.items():
            if number:
                self.stdout.write(f"{number:>9,} {state.label}")
        left = (
            ImportLine.objects.filter(of=batch, state__in=services.NOT_IMPORTED)
            .filter(report__isnull=False)
            .order_by("number")
        )
        for line in left[:LISTED]:
            problems = services.report_of(line)["problems"] or ["May be here already: " + _candidates(line)]
            self.stdout.write(f"  line {line.number}: {' '.join(problems)}")
        is_undone = batch.state == ImportState.UNDONE
        missing = sum(counts[state] for state in ([LineState.KEPT] if is_undone else services.NOT_IMPORTED))
        if missing > LISTED and left:
            self.stdout.write(f"  … and {missing - LISTED:,} more; the page Import lists all.")
        if dry_run and batch.state == ImportState.CHECKED:
            services.discard(by=by, pk=batch.pk)
            self.stdout.write("Nothing was imported.")
        if missing:
            raise CommandError(f"{missing:,} lines were {'kept' if is_undone else 'left out'}.", returncode=1)


def _manager(email: str) -> User:
    with installation_scope():
        found = User.all_practices.filter(email_index=email_fingerprint(email), is_active=True).first()
    if found is None or found.practice_id is None:
        raise CommandError("Nobody who works in a practice signs in with this email.")
    return found


def _colleague(email: str) -> User:
    found: User | None = User.objects.filter(email_index=email_fingerprint(email)).first()
    if found is None:
        raise CommandError("No doctor of the practice signs in with this email.")
    return found


def _candidates(line: ImportLine) -> str:
    return ", ".join(f"chart {pk[-6:]} ({why})" for pk, why in services.report_of(line)["candidates"])


def _key(text: str) -> Any:
    if (key := as_uuid(text)) is None:
        raise CommandError("This is not the id of an import.")
    return key


def _mapping(batch: Import, given: Iterable[str]) -> dict[str, int]:
    mapping = services.suggested_mapping(batch)
    names = [column["name"] for column in batch.columns]
    for one in given:
        field, _equals, column = one.partition("=")
        if column not in names:
            raise CommandError(f"The file has no column {column!r}. It has: {', '.join(names)}.")
        at = names.index(column)
        mapping = {name: place for name, place in mapping.items() if place != at} | {field: at}
    return mapping


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            yield chunk
