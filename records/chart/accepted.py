"""Which files a chart accepts, as its form and the form's script are told."""

from typing import NamedTuple

from django.conf import settings

from core.formats import format_size
from records.attachments.media_types import EXTENSIONS

ALL = ",".join(f".{extension}" for extension in EXTENSIONS)


class Accepted(NamedTuple):
    extensions: str = ALL

    @property
    def max_bytes(self) -> int:
        return int(settings.MAX_FILE_BYTES)

    @property
    def size(self) -> str:
        return format_size(self.max_bytes)
