"""CSV files that people open in a spreadsheet: streamed, and nothing in them is computed."""

import csv
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.translation import get_language

from audit import context
from core.encryption.fields import unreadable_marked
from core.tenancy.scope import current_practice_id, practice_scope

# What makes a spreadsheet compute a cell; an apostrophe before it does not (OWASP, "CSV injection"). The last are those
# of East Asian keyboards.
FORMULA_STARTS = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)  # an amount: nothing of it is computed
BOM = "\ufeff"  # without it Excel takes the file for Windows-1252
ROWS_AT_ONCE = 200


class _Line:
    def write(self, text: str) -> str:
        return text


def safe_cell(value: Any) -> str:
    """Return the value as text that no spreadsheet computes."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in FORMULA_STARTS and not NUMBER.fullmatch(text) else text


def csv_lines(header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> Iterator[bytes]:
    """Yield the file some rows at a time."""
    writer = csv.writer(_Line())
    some = [BOM, writer.writerow(map(safe_cell, header))]
    for row in rows:
        some.append(writer.writerow(map(safe_cell, row)))
        if len(some) >= ROWS_AT_ONCE:
            yield "".join(some).encode()
            some = []
    if some:
        yield "".join(some).encode()


def csv_response(name: str, header: Iterable[Any], rows: Iterable[Iterable[Any]]) -> StreamingHttpResponse:
    """Return the file as a download. Its rows are read while it is sent (`in_this_context`)."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(csv_lines(header, rows), content_type="text/csv; charset=utf-8", headers=headers)


def in_this_context(parts: Iterator[list[Any]]) -> Iterator[Any]:
    """Yield the rows of the parts, each of which is made as if the request that asks for them now were still running:
    by the same person, in the same practice, zone and language."""
    practice_id, origin = current_practice_id(), context.current()
    zone, language = timezone.get_current_timezone(), get_language()

    def rows() -> Iterator[Any]:
        while True:
            with (
                practice_scope(practice_id),
                context.coming_from(origin),
                timezone.override(zone),
                translation.override(language),
                unreadable_marked(),
            ):
                part = next(parts, None)
            if part is None:
                return
            yield from part

    return rows()
