"""The pages: US letter, as a practice under HIPAA prints, with margins that lose nothing on A4."""

from datetime import datetime
from typing import IO

from django.utils import timezone
from reportlab.lib.pagesizes import letter
from reportlab.pdfgen.canvas import Canvas

from accounts.models import User
from practices.models import Practice
from records.printing import faces
from records.printing.typesetting import Line, lines_of

WIDTH, HEIGHT = letter
MARGIN, TOP, BOTTOM = 54, HEIGHT - 84, 66  # points
TEXT, SMALL, HEADING, SECTION, TITLE = 10, 8, 11, 14, 18
INDENT = 14
LEADING = 1.4
INK, GREY, RULE = 0.1, 0.4, 0.8
_PAGES = "pages"  # the form that holds how many there are, which is known at the end


class Sheets:
    """A document that is written from its top to its end. `about` stands on every page beside the practice's name, so
    that no sheet is taken for another patient's. Used by one thread."""

    def __init__(self, file: IO[bytes], *, title: str, about: str, practice: Practice, by: User) -> None:
        self._canvas = Canvas(file, pagesize=letter, pageCompression=1)
        self._canvas.setTitle(title)
        self._canvas.setAuthor("Praxis")
        self._canvas.setSubject("")
        self._zone, self._practice, self._about = practice.tzinfo, practice.name, about
        self._printed = f"Printed {self.stamp(timezone.now())} by {by.name}"
        self._page = 0
        self._begin_page()
        self.text(title, size=TITLE, weight=faces.BOLD)

    def stamp(self, moment: datetime) -> str:
        """In the practice's local time: 2026-11-21 09:30 EST."""
        return moment.astimezone(self._zone).strftime("%Y-%m-%d %H:%M %Z")

    def section(self, text: str) -> None:
        self.gap(SECTION)
        self.heading(text, size=SECTION)

    def heading(self, text: str, *, size: float = HEADING) -> None:
        self._need(size * LEADING + 3 * TEXT * LEADING)  # never alone at the foot of a page
        self.gap(size * 0.7)
        self.text(text, size=size, weight=faces.BOLD)

    def text(
        self, text: str, *, size: float = TEXT, weight: int = faces.REGULAR, indent: float = 0, shade: float = INK
    ) -> None:
        width = WIDTH - 2 * MARGIN - indent
        for line in lines_of(text, width=width, size=size, weight=weight):
            self._need(size * LEADING)
            self._y -= size * LEADING
            left = MARGIN + indent + (width - line.width if line.from_right else 0)
            self._write(line, left, self._y, size=size, weight=weight, shade=shade)

    def small(self, text: str, *, indent: float = 0) -> None:
        self.text(text, size=SMALL, indent=indent, shade=GREY)

    def field(self, name: str, text: str, *, indent: float = 0) -> None:
        """Its name above it; nothing of an empty one."""
        if text:
            self._need(SMALL * LEADING + TEXT * LEADING)
            self.gap(3)
            self.small(name, indent=indent)
            self.text(text, indent=indent)

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
        of_how_many = f"Page {self._page} of "
        left = WIDTH - MARGIN - 90
        self._one_line(of_how_many, left, foot)
        self._canvas.saveState()
        self._canvas.translate(left + faces.width(of_how_many, faces.MAIN, faces.REGULAR, SMALL), foot)
        self._canvas.doForm(_PAGES)
        self._canvas.restoreState()
        self._canvas.showPage()

    def _one_line(self, text: str, x: float, y: float, *, share: float = 1, right: bool = False) -> None:
        """As much of it as fits into this share of the page's width."""
        line = next(lines_of(text, width=(WIDTH - 2 * MARGIN) * share, size=SMALL, weight=faces.REGULAR))
        self._write(line, x - (line.width if right else 0), y, size=SMALL, weight=faces.REGULAR, shade=GREY)

    def _write(self, line: Line, x: float, y: float, *, size: float, weight: int, shade: float) -> None:
        written = self._canvas.beginText(x, y)
        written.setFillGray(shade)
        for span in line.spans:
            written.setFont(faces.font(span.family, weight).fontName, size)
            written.textOut(span.text)
            x += span.width
            written.setTextOrigin(x, y)
        self._canvas.drawText(written)
