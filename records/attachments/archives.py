"""The files of a chart as a ZIP, generated while it is sent: at most a chunk of one file is in memory."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from uuid import UUID

from django.utils.translation import gettext as _
from zipstream import ZIP_STORED, ZipStream

from core.encryption.keyring import DecryptionError
from core.errors import Unavailable
from core.tenancy.scope import practice_scope
from records.attachments import storage
from records.attachments.media_types import numbered
from records.models import Attachment

ROWS = 100  # read at once
INCOMPLETE = "NOT COMPLETE.txt"


class UniqueNames:
    """Makes names unique, also on case-insensitive file systems, and fit for any of them: `x.pdf`, `x (2).pdf`."""

    def __init__(self) -> None:
        self._taken = {INCOMPLETE.casefold()}
        self._tried: dict[str, int] = {}  # phones call every picture image.jpg

    def unique(self, name: str) -> str:
        for number in count(self._tried.get(name, 0) + 1):
            free = numbered(name, number)
            if free.casefold() not in self._taken:
                break
        self._tried[name] = number
        self._taken.add(free.casefold())
        return free


def zip_files(attachment_ids: Sequence[UUID], *, practice_id: UUID) -> Iterator[bytes]:
    """Yield a ZIP of these files."""
    stream = ZipStream(compress_type=ZIP_STORED)
    yield from add_files(stream, attachment_ids, practice_id=practice_id)
    yield from stream.finalize()


def add_files(
    stream: ZipStream, attachment_ids: Sequence[UUID], *, practice_id: UUID, folder: str = ""
) -> Iterator[bytes]:
    """Yield what adding the files appends to the ZIP. They are stored uncompressed, as pictures and PDFs are compressed
    already. Files that cannot be read completely are listed in a text file at the end and do not affect the others."""
    names, incomplete = UniqueNames(), list[str]()
    for attachment in _rows(attachment_ids, practice_id):
        name = names.unique(readable_name(attachment))
        try:
            chunks = storage.open_file(attachment)
        except Unavailable:
            incomplete.append(name)
            continue
        stream.add(_readable_part(chunks, name, incomplete), f"{folder}{name}")
        yield from stream.all_files()
    if incomplete:
        lines = [_("These files could not be read from storage:"), *incomplete, ""]
        stream.add("\r\n".join(lines), folder + INCOMPLETE)
        yield from stream.all_files()


def _rows(attachment_ids: Sequence[UUID], practice_id: UUID) -> Iterator[Attachment]:
    """Yield the rows in order, page by page; the view's practice scope is closed by the time the response is sent."""
    for start in range(0, len(attachment_ids), ROWS):
        with practice_scope(practice_id):
            page = {row.pk: row for row in Attachment.objects.filter(pk__in=attachment_ids[start : start + ROWS])}
        yield from (page[pk] for pk in attachment_ids[start : start + ROWS] if pk in page)


def readable_name(attachment: Attachment) -> str:
    """Return the file's name, or a substitute if it cannot be decrypted."""
    try:
        return attachment.name
    except DecryptionError:
        return f"file-{str(attachment.pk)[-6:]}"


def _readable_part(chunks: Iterable[bytes], name: str, incomplete: list[str]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Unavailable:
        incomplete.append(_("%(name)s (incomplete)") % {"name": name})
