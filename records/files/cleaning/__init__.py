"""Reading a file that may be hostile, and writing anew what may be kept of it (docs/adr/0018).

Runs in a process of its own (`__main__.py`, started by records/files/inspect.py), so nothing here imports Django or
anything else of Praxis, and each kind's library is imported when a file of that kind comes.
"""

from records.files.cleaning.content import check_content
from records.files.cleaning.refusals import CannotClean, Why

__all__ = ["CannotClean", "Why", "clean"]

JPEG, HEIC = "image/jpeg", "image/heic"


def clean(media_type: str, data: bytes) -> tuple[str, bytes]:
    """The media type and the bytes to keep of `data`, which is said to be of `media_type`. The type is another for
    HEIC alone, which becomes JPEG. Raises CannotClean, and whatever the libraries raise for a broken file."""
    check_content(media_type, data)
    if media_type == "text/plain":
        from records.files.cleaning.text import cleaned_text

        return media_type, cleaned_text(data)
    if media_type == "application/pdf":
        from records.files.cleaning.pdf import cleaned_pdf

        return media_type, cleaned_pdf(data)
    from records.files.cleaning.pictures import cleaned_picture

    return JPEG if media_type == HEIC else media_type, cleaned_picture(media_type, data)
