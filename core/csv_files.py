"""CSV files that people open in a spreadsheet: streamed, and nothing in them is computed."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import StreamingHttpResponse

# What makes a spreadsheet compute a cell; an apostrophe before it does not (OWASP, "CSV injection").
FORMULA_STARTS = frozenset("=+-@\t\r")
BOM = "\ufeff"  # without it Excel takes the file for Windows-1252
ROWS_AT_ONCE = 200


class _Line:
    def write(self, text: str) -> str:
        return text


def safe_cell(value: Any) -> str:
    """Return the value as text that no spreadsheet computes."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in FORMULA_STARTS else text


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
    """Return the file as a download. The rows are read while it is sent: their scope must be held open by `rows`."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingHttpResponse(csv_lines(header, rows), content_type="text/csv; charset=utf-8", headers=headers)
