"""Pictures in a small size, for where a page shows who it is about: a phone's photo has some 3 MB, its small one 6 kB.

Made anew for each showing: a JPEG is decoded at an eighth of its size, which takes about 20 ms, and nothing more is
kept of a patient than the file."""

from io import BytesIO

from PIL import Image

from records.attachments import storage
from records.models import Attachment
from records.models.attachment import PICTURES

SIDE = 216  # pixels; shown at 72, on screens with three for each
MOST_PIXELS = 16_000_000  # of a format that has to be decoded whole


def small_picture(attachment: Attachment) -> bytes | None:
    """Return the picture as a small JPEG; None if there is none of it, so that the file itself has to do. Raises
    NotStored, StorageUnavailable and DamagedFile."""
    if attachment.media_type not in PICTURES:
        return None
    content = BytesIO(b"".join(storage.open_file(attachment)))
    try:
        with Image.open(content) as opened:
            if (opened.format, opened.mode) != ("JPEG", "RGB") and opened.width * opened.height > MOST_PIXELS:
                return None
            opened.draft("RGB", (SIDE, SIDE))
            opened.thumbnail((SIDE, SIDE))
            small = BytesIO()
            opened.convert("RGB").save(small, "JPEG", quality=85)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # from before pictures were cleaned
        return None
    return small.getvalue()
