"""What is printed of a chart: PDF pages of one look, in whatever script people write (docs/adr/0017)."""

from records.printing.sheets import INDENT as INDENT
from records.printing.sheets import Sheets as Sheets
