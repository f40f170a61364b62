"""What apps above add to the export of a chart."""

from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from core.errors import Sentence
from records.printing import Document

ApiData = dict[str, Any]


class Further(NamedTuple):
    """A section: `rows` returns the rows of a chart, in the practice's scope, `serialize` makes data of one, and
    `write` prints that."""

    name: str
    title: Sentence
    rows: Callable[[UUID], Any]
    serialize: Callable[[Any], ApiData]
    write: Callable[[Document, Any], None]


FURTHER: dict[str, Further] = {}


def register_export(section: Further) -> None:
    FURTHER[section.name] = section
