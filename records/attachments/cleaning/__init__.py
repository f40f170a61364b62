"""Reading a file that may be hostile, and rewriting what may be kept of it (docs/adr/0018).

This runs in a process of its own (`__main__.py`, started by sandbox.py), so nothing here imports Django or the rest of
Praxis, and each type's library is imported only when needed.
"""

from records.attachments.cleaning.content import check_content
from records.attachments.cleaning.refusals import CannotClean, RefusalReason

__all__ = ["CannotClean", "RefusalReason", "clean"]

JPEG, HEIC = "image/jpeg", "image/heic"


def clean(media_type: str, data: bytes) -> tuple[str, bytes]:
    """Return the media type and the bytes to keep of `data`, declared as `media_type`. Only HEIC changes its type: it
    becomes JPEG. Raises CannotClean, and whatever the libraries raise for a broken file."""
    check_content(media_type, data)
    if media_type == "text/plain":
        from records.attachments.cleaning.text import clean_text

        return media_type, clean_text(data)
    if media_type == "application/pdf":
        from records.attachments.cleaning.pdf import clean_pdf

        return media_type, clean_pdf(data)
    from records.attachments.cleaning.pictures import clean_picture

    return JPEG if media_type == HEIC else media_type, clean_picture(media_type, data)
