"""PDF documents of one look, in whatever script people write (docs/adr/0021)."""

from records.printing.document import INDENT as INDENT
from records.printing.document import Document as Document
