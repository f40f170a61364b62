"""The pages: US letter, as US practices print, with margins that also fit A4."""

from collections.abc import Sequence
from datetime import datetime
from typing import IO

from django.utils import timezone
from django.utils.translation import gettext
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

from accounts.models import User
from core.formats import format_moment
from practices.models import Practice
from records.printing import fonts
from records.printing.typesetting import Line, break_lines

WIDTH, HEIGHT = letter
MARGIN, TOP, BOTTOM = 54, HEIGHT - 84, 66  # points
TEXT, SMALL, HEADING, SECTION, TITLE = 10, 8, 11, 14, 18
INDENT = 14
COLUMN = 78  # for an amount, or a day
LEADING = 1.4
INK, GREY, RULE = 0.1, 0.4, 0.8
_PAGES = "pages"  # the PDF form with the number of pages, which is known at the end


class Document:
    """A document written from top to bottom. `about` is printed on every page beside the practice's name, so that no
    page is taken for another patient's. Not thread-safe."""

    def __init__(self, file: IO[bytes], *, title: str, about: str, practice: Practice, by: User) -> None:
        self._canvas = Canvas(file, pagesize=letter, pageCompression=1)
        self._canvas.setTitle(title)
        self._canvas.setAuthor("Praxis")
        self._canvas.setSubject("")
        self._zone, self._practice, self._about = practice.tzinfo, practice.name, about
        self._printed = gettext("Printed %(moment)s by %(person)s") % {
            "moment": self.stamp(timezone.now()),
            "person": by.name,
        }
        self._page = 0
        self._begin_page()
        self.text(title, size=TITLE, weight=fonts.BOLD)

    def stamp(self, moment: datetime) -> str:
        """Return, for example, `Nov 21, 2026, 9:30 AM EST`, in the practice's local time."""
        local = moment.astimezone(self._zone)
        return f"{format_moment(local, self._zone)} {local.tzname()}"

    def section(self, text: str) -> None:
        self.gap(SECTION)
        self.heading(text, size=SECTION)

    def heading(self, text: str, *, size: float = HEADING) -> None:
        self._need(size * LEADING + 3 * TEXT * LEADING)  # never alone at the foot of a page
        self.gap(size * 0.7)
        self.text(text, size=size, weight=fonts.BOLD)

    def text(
        self, text: str, *, size: float = TEXT, weight: int = fonts.REGULAR, indent: float = 0, shade: float = INK
    ) -> None:
        width = WIDTH - 2 * MARGIN - indent
        for line in break_lines(text, width=width, size=size, weight=weight):
            self._need(size * LEADING)
            self._y -= size * LEADING
            left = MARGIN + indent + (width - line.width if line.right_to_left else 0)
            self._write(line, left, self._y, size=size, weight=weight, shade=shade)

    def small(self, text: str, *, indent: float = 0) -> None:
        self.text(text, size=SMALL, indent=indent, shade=GREY)

    def field(self, name: str, text: str, *, indent: float = 0) -> None:
        """Write a field with its name above; nothing if it is empty."""
        if text:
            self._need(SMALL * LEADING + TEXT * LEADING)
            self.gap(3)
            self.small(name, indent=indent)
            self.text(text, indent=indent)

    def row(
        self, text: str, *columns: str, weight: int = fonts.REGULAR, shade: float = INK, size: float = TEXT
    ) -> None:
        """Write a text with short columns at the right of its first line, such as amounts."""
        width = WIDTH - 2 * MARGIN - COLUMN * len(columns)
        for number, line in enumerate(break_lines(text, width=width - INDENT, size=size, weight=weight)):
            self._need(size * LEADING)
            self._y -= size * LEADING
            left = MARGIN + (width - INDENT - line.width if line.right_to_left else 0)
            self._write(line, left, self._y, size=size, weight=weight, shade=shade)
            if number == 0:
                self._columns(columns, size=size, weight=weight, shade=shade)

    def _columns(self, columns: tuple[str, ...], *, size: float, weight: int, shade: float) -> None:
        for place, column in enumerate(reversed(columns)):
            line = next(break_lines(column, width=COLUMN, size=size, weight=weight), None)
            if line:
                right = WIDTH - MARGIN - COLUMN * place
                self._write(line, right - line.width, self._y, size=size, weight=weight, shade=shade)

    def rule(self) -> None:
        self.gap(4)
        self._canvas.setStrokeGray(RULE)
        self._canvas.line(MARGIN, self._y, WIDTH - MARGIN, self._y)

    def drawing(self, strokes: Sequence[Sequence[Sequence[int]]], *, plane: tuple[int, int], height: float) -> None:
        """Draw lines through points of a plane this wide and high, as large as `height` allows."""
        self._need(height)
        scale, top = height / plane[1], self._y
        self._canvas.setStrokeGray(INK)
        self._canvas.setLineWidth(1.2)
        self._canvas.setLineCap(1)
        for stroke in strokes:
            path = self._canvas.beginPath()
            path.moveTo(MARGIN + stroke[0][0] * scale, top - stroke[0][1] * scale)
            for x, y in stroke[1:] or stroke:  # a dot is a line to where it is
                path.lineTo(MARGIN + x * scale, top - y * scale)
            self._canvas.drawPath(path)
        self._canvas.setLineWidth(1)
        self._y -= height

    def gap(self, points: float) -> None:
        self._y -= points

    def close(self) -> None:
        self._end_page()
        self._canvas.beginForm(_PAGES)
        self._one_line(str(self._page), 0, 0)
        self._canvas.endForm()
        self._canvas.save()

    def _need(self, points: float) -> None:
        if self._y - points < BOTTOM:
            self._end_page()
            self._begin_page()

    def _begin_page(self) -> None:
        self._page += 1
        self._y = TOP
        top = HEIGHT - MARGIN
        self._one_line(self._practice, MARGIN, top, share=0.35)
        self._one_line(self._about, WIDTH - MARGIN, top, share=0.63, right=True)
        self._canvas.setStrokeGray(RULE)
        self._canvas.line(MARGIN, top - 6, WIDTH - MARGIN, top - 6)

    def _end_page(self) -> None:
        foot = BOTTOM - 24
        self._one_line(self._printed, MARGIN, foot, share=0.75)
        # the total follows, which is known only at the end
        of_how_many = gettext("Page %(number)s of ") % {"number": self._page}
        left = WIDTH - MARGIN - 90
        self._one_line(of_how_many, left, foot)
        self._canvas.saveState()
        self._canvas.translate(left + fonts.width(of_how_many, fonts.MAIN, fonts.REGULAR, SMALL), foot)
        self._canvas.doForm(_PAGES)
        self._canvas.restoreState()
        self._canvas.showPage()

    def _one_line(self, text: str, x: float, y: float, *, share: float = 1, right: bool = False) -> None:
        """Write as much of the text as fits into this share of the page's width."""
        line = next(break_lines(text, width=(WIDTH - 2 * MARGIN) * share, size=SMALL, weight=fonts.REGULAR))
        self._write(line, x - (line.width if right else 0), y, size=SMALL, weight=fonts.REGULAR, shade=GREY)

    def _write(self, line: Line, x: float, y: float, *, size: float, weight: int, shade: float) -> None:
        written = self._canvas.beginText(x, y)
        written.setFillGray(shade)
        for span in line.spans:
            written.setFont(fonts.font(span.family, weight).fontName, size)
            written.textOut(span.text)
            x += span.width
            written.setTextOrigin(x, y)
        self._canvas.drawText(written)
