"""The files of a chart as one ZIP, made while it is sent: no more than a chunk of one file is held."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from uuid import UUID

from zipstream import ZIP_STORED, ZipStream

from core.encryption.keyring import DecryptionError
from core.errors import Unavailable
from core.tenancy import practice_scope
from records.files import storing
from records.models import Attachment

ROWS = 100  # read at once
NOT_COMPLETE = "NOT COMPLETE.txt"


class Names:
    """Makes names unique, on file systems too that know no case: `x.pdf`, `x (2).pdf`."""

    def __init__(self) -> None:
        self._taken = {NOT_COMPLETE.casefold()}

    def unique(self, name: str) -> str:
        path, tried, number = PurePath(name), name, 1
        while tried.casefold() in self._taken:
            number += 1
            tried = f"{path.stem} ({number}){path.suffix}"
        self._taken.add(tried.casefold())
        return tried


def zipped(attachment_ids: Sequence[UUID], *, practice_id: UUID) -> Iterator[bytes]:
    """A ZIP of nothing but files."""
    stream = ZipStream(compress_type=ZIP_STORED)
    yield from add_files(stream, attachment_ids, practice_id=practice_id)
    yield from stream.finalize()


def add_files(
    stream: ZipStream, attachment_ids: Sequence[UUID], *, practice_id: UUID, folder: str = ""
) -> Iterator[bytes]:
    """What the ZIP so becomes longer by. Stored and not compressed, for pictures and PDFs are compressed already. What
    cannot be read, or not to its end, is named in a text file behind them, and takes no other file with it."""
    names, incomplete = Names(), list[str]()
    for attachment in _rows(attachment_ids, practice_id):
        name = names.unique(name_of(attachment))
        try:
            chunks = storing.open_file(attachment)
        except Unavailable:
            incomplete.append(name)
            continue
        stream.add(_as_far_as_it_goes(chunks, name, incomplete), f"{folder}{name}")
        yield from stream.all_files()
    if incomplete:
        stream.add(
            "\r\n".join(["These files cannot be read from the storage:", *incomplete, ""]), folder + NOT_COMPLETE
        )
        yield from stream.all_files()


def _rows(attachment_ids: Sequence[UUID], practice_id: UUID) -> Iterator[Attachment]:
    """The view's scope is closed by the time the answer is sent."""
    for start in range(0, len(attachment_ids), ROWS):
        with practice_scope(practice_id):
            page = {row.pk: row for row in Attachment.objects.filter(pk__in=attachment_ids[start : start + ROWS])}
        yield from (page[pk] for pk in attachment_ids[start : start + ROWS] if pk in page)


def name_of(attachment: Attachment) -> str:
    """Also of one whose name cannot be decrypted."""
    try:
        return attachment.name
    except DecryptionError:
        return f"file-{str(attachment.pk)[-6:]}"


def _as_far_as_it_goes(chunks: Iterable[bytes], name: str, incomplete: list[str]) -> Iterator[bytes]:
    try:
        yield from chunks
    except Unavailable:
        incomplete.append(f"{name} (its beginning alone)")
