"""Reading a table that another program wrote: how it is encoded and what separates its columns is recognised from the
file, and its lines come one by one, so that a file of any length takes no more memory than a short one."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from core.csv_files import FORMULA_STARTS
from core.errors import Invalid

Row = tuple[int, list[str]]  # the number of its first line in the file, and its cells

ENCODINGS = {
    "utf-8": _("Unicode (UTF-8)"),
    "utf-16-le": _("Unicode (UTF-16)"),
    "utf-16-be": _("Unicode (UTF-16, big-endian)"),
    "cp1252": _("Western European (Windows-1252), as Excel writes it"),
    "iso-8859-15": _("Western European (ISO 8859-15)"),
    "mac_roman": _("Western European (old Macs)"),
    "cp1250": _("Central European (Windows-1250)"),
    "cp1251": _("Cyrillic (Windows-1251)"),
    "shift_jis": _("Japanese (Shift JIS)"),
    "gb18030": _("Chinese (GB 18030)"),
}
SEPARATORS = {",": _("Comma"), ";": _("Semicolon"), "\t": _("Tab"), "|": _("Vertical bar")}
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
SAMPLE_BYTES, SAMPLE_ROWS = 64 * 1024, 30
MAX_COLUMNS, MAX_LINES = 200, 2_000_000
MAX_ROW = 1_000_000  # letters, before it is known how many cells they are
NUL_SHARE = 0.3  # of every second byte, in UTF-16 without a mark

EMPTY = _("This file is empty.")
NOT_TEXT = _("This is not a table of text. Save it as CSV in the program that it comes from.")
NOT_DECODED = _("This file isn't written in this way. Choose another one, or let Praxis recognise it.")
TOO_WIDE = _("A file can have up to 200 columns.")
TOO_LONG = _("A file can have up to 2,000,000 lines. Divide it into several.")
TOO_LONG_LINE = _("Line %(number)d is too long. A line can have up to 1,000,000 letters.")
NO_LINES = _("The file has no lines below the names of its columns.")

_DATE = re.compile(r"\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*\d{2,4}\b")


class Layout(NamedTuple):
    """How a file is written."""

    encoding: str
    separator: str
    quoted: bool = False  # in its first lines
    skips: int = 0  # bytes of the mark at its beginning


class Bytes(io.RawIOBase):
    """The file's chunks as a stream."""

    def __init__(self, chunks: Iterable[bytes], *, skips: int = 0) -> None:
        self._chunks, self._rest, self._skips = iter(chunks), b"", skips

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest, self._skips = chunk[self._skips :], max(0, self._skips - len(chunk))
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def detect_layout(chunks: Callable[[], Iterable[bytes]], *, encoding: str = "", separator: str = "") -> Layout:
    """Return how the file is written, looking through all of it; what is given is taken as it is. Raises Invalid."""
    sample = io.BufferedReader(Bytes(chunks())).read(SAMPLE_BYTES)
    if not sample.strip(b"\0\r\n\t ,;\xef\xbb\xbf\xff\xfe"):
        raise Invalid("file", EMPTY)
    mark = next(((mark, name) for mark, name in BOMS if sample.startswith(mark)), None)
    if mark and (not encoding or encoding == mark[1]):
        encoding, skips = mark[1], len(mark[0])
    else:
        encoding, skips = encoding or _encoding_of(sample, chunks), 0
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample[skips:])
    if "\0" in text:
        raise Invalid("file", NOT_TEXT)
    return Layout(encoding, separator or _separator_of(text), '"' in text, skips)


def _encoding_of(sample: bytes, chunks: Callable[[], Iterable[bytes]]) -> str:
    for name, every_second in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
        if len(sample) > 3 and every_second.count(0) > NUL_SHARE * len(every_second):
            return name
    return next((name for name in ("utf-8", "cp1252") if _decodes(chunks(), name)), "") or _refuse()


def _refuse() -> str:
    raise Invalid("file", NOT_TEXT)


def _decodes(chunks: Iterable[bytes], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for chunk in chunks:
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _separator_of(text: str) -> str:
    """Return what makes the first lines equally many columns, the most of them."""
    first, _end, _rest = text.partition("\n")
    if (said := first.strip().casefold()).startswith("sep=") and len(said) == 5 and said[-1] in SEPARATORS:
        return said[-1]

    def score(separator: str) -> tuple[float, int]:
        rows = []
        try:
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
                rows.append(len(row))
                if len(rows) == SAMPLE_ROWS:
                    break
        except csv.Error:
            return (0, 0)
        rows = [count for count in rows if count]
        if not rows:
            return (0, 0)
        usual, often = Counter(rows).most_common(1)[0]
        return (often / len(rows) if usual > 1 else 0, usual)

    return max(SEPARATORS, key=score)


class Lines:
    """The file's lines, of which a row may have several; not more than MAX_ROW letters of it are held."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._of_row, self._number = text, 0, 1

    def __iter__(self) -> "Lines":
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW + 1)
        if not line:
            raise StopIteration
        self._of_row += len(line)
        if self._of_row > MAX_ROW:
            raise Invalid("file", TOO_LONG_LINE % {"number": self._number})
        return line

    def begin_row(self, number: int) -> None:
        self._of_row, self._number = 0, number


def rows_of(chunks: Iterable[bytes], layout: Layout) -> Iterator[Row]:
    """Yield the rows that are not blank. Raises Invalid for what cannot be read: nothing is guessed around it."""
    raw = io.BufferedReader(Bytes(chunks, skips=layout.skips), SAMPLE_BYTES)
    lines = Lines(io.TextIOWrapper(raw, encoding=layout.encoding, errors="strict", newline=""))
    reader = csv.reader(lines, delimiter=layout.separator, strict=True)
    number, count = 1, 0
    while True:
        lines.begin_row(number)
        try:
            row = next(reader, None)
        except UnicodeDecodeError as error:
            raise Invalid("file", NOT_DECODED) from error
        except csv.Error as error:
            told = _("The quotes in line %(number)d aren't closed, so its end can't be found. Correct the file there.")
            raise Invalid("file", told % {"number": number}) from error
        if row is None:
            return
        if any("\0" in cell for cell in row):
            raise Invalid("file", NOT_TEXT)
        if len(row) > MAX_COLUMNS:
            raise Invalid("file", TOO_WIDE)
        if any(cell.strip() for cell in row) and not (number == 1 and _says_separator(row)):
            count += 1
            if count > MAX_LINES:
                raise Invalid("file", TOO_LONG)
            yield number, [_plain(cell.strip()) for cell in row]
        number = reader.line_num + 1


def _plain(cell: str) -> str:
    """Take off the apostrophe that keeps spreadsheets from computing a cell (core/csv_files.py)."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in FORMULA_STARTS else cell


def _says_separator(row: list[str]) -> bool:
    return row[0].strip().casefold() == "sep=" or "".join(row).strip().casefold().startswith("sep=")


class Columns:
    """The columns of a file, and what their cells tell of the order of dates."""

    def __init__(self, names: list[str]) -> None:
        self.found: list[dict[str, Any]] = [{"name": name} for name in names]

    def look_at(self, number: int, cells: list[str]) -> None:
        """Note the first line in which a date can only be read with the day, or the month, first."""
        for column, cell in zip(self.found, cells, strict=False):
            if cell[:1].isdigit() and len(cell) < 32 and (match := _DATE.match(cell)):
                first, second = int(match[1]), int(match[2])
                if first > 12 >= second:
                    column.setdefault("day", number)
                elif second > 12 >= first:
                    column.setdefault("month", number)
