"""Which types of files a chart accepts, and how files may be named."""

import re
import unicodedata
from pathlib import PurePosixPath

from django.utils.translation import gettext as _
from django.utils.translation import gettext as translated

from core.errors import Invalid, Refusal
from core.texts import has_visible
from records.attachments.cleaning.refusals import RefusalReason
from records.models.attachment import MAX_NAME_LENGTH, MediaType

EXTENSIONS = {
    "pdf": MediaType.PDF,
    "jpg": MediaType.JPEG,
    "jpeg": MediaType.JPEG,
    "jpe": MediaType.JPEG,
    "jfif": MediaType.JPEG,  # as Chromium on Windows names what it saves
    "pjpeg": MediaType.JPEG,
    "pjp": MediaType.JPEG,
    "png": MediaType.PNG,
    "webp": MediaType.WEBP,
    "heic": MediaType.HEIC,
    "heif": MediaType.HEIC,
    "hif": MediaType.HEIC,  # as cameras name it
    "txt": MediaType.TEXT,
}
# Other names that clients use: old browsers, mail programs, freedesktop.org's shared-mime-info. "x-" is left out.
TYPE_ALIASES = {
    "image/jpg": MediaType.JPEG,
    "image/pjpeg": MediaType.JPEG,
    "image/jfif": MediaType.JPEG,
    "image/citrix-jpeg": MediaType.JPEG,
    "image/citrix-png": MediaType.PNG,
    "image/heif": MediaType.HEIC,
    "image/heic-sequence": MediaType.HEIC,
    "image/heif-sequence": MediaType.HEIC,
    "application/acrobat": MediaType.PDF,
    "text/pdf": MediaType.PDF,
    "image/pdf": MediaType.PDF,
}
# What clients send that do not know the type, as browsers on Windows and Linux do with HEIC, and apps on Android with
# `image/*`. The subtypes of any type.
UNSPECIFIC_SUBTYPES = {"*", "octet-stream", "binary", "unknown", "download", "force-download"}
REJECTED_TYPES = {  # types that people often send, and the answer
    "docx": RefusalReason.DOCX,
    "doc": RefusalReason.DOCX,
    "docm": RefusalReason.DOCX,
    "svg": RefusalReason.SVG,
    "svgz": RefusalReason.SVG,
    "html": RefusalReason.HTML,
    "htm": RefusalReason.HTML,
    "xhtml": RefusalReason.HTML,
}
# Controls, invisible and bidirectional formatting characters, surrogates, private use, line and paragraph separators.
FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
SLASHES, LEADING_PATH = re.compile(r"[/\\]"), re.compile(r"^(?:[A-Za-z]:)?[/\\.]*[/\\]")
RESERVED = re.compile(r'[<>:"|?*]')  # not allowed in names on Windows
# Devices, whatever comes after a dot ("Naming Files, Paths, and Namespaces" in the documentation of Windows).
DEVICE = re.compile(r"^(con|prn|aux|nul|(?:com|lpt)[0-9¹²³]|conin\$|conout\$|clock\$)(?= *(?:\.|$))", re.IGNORECASE)
MAX_NAME_BYTES = 255  # of most file systems, in UTF-8


class FileRefused(Refusal):
    """400: this file is rejected. `reason` is a short code for the trail; `detail` is for people."""

    def __init__(self, refusal: RefusalReason) -> None:
        sentence = translated(refusal.sentence) % refusal.values  # marked where it stands
        super().__init__(sentence, errors={"file": [sentence]})
        self.reason = refusal.code


def check_type(name: str, declared_type: str) -> MediaType:
    """Return the type that the extension names, which the content has the last word on (cleaning/content.py). Raises
    FileRefused if there is none, or the declared Content-Type names another."""
    extension = _extension(name)
    if extension not in EXTENSIONS:
        raise FileRefused(REJECTED_TYPES.get(extension, RefusalReason.TYPE))
    declared = declared_type.partition(";")[0].strip().lower().replace("/x-", "/")
    is_specific = declared and declared.partition("/")[2] not in UNSPECIFIC_SUBTYPES
    if is_specific and TYPE_ALIASES.get(declared, declared) != EXTENSIONS[extension]:
        raise FileRefused(RefusalReason.DECLARED)
    return EXTENSIONS[extension]


def safe_name(name: str) -> str:
    """Return the name without folders and unsuitable characters, short enough for any file system with its extension
    kept. Raises FileRefused if nothing is left."""
    cleaned = _tidy(name)
    stem, extension = _parts(cleaned)
    if not has_visible(stem):
        raise FileRefused(RefusalReason.NAME)
    return _joined(stem, extension)


def numbered(name: str, number: int) -> str:
    """Return the safe form of a stored name; from 2 on with its number, as in `x (2).pdf`."""
    stem, extension = _parts(_tidy(name))
    return _joined(stem, extension, suffix=f" ({number})" if number > 1 else "")


def with_extension_for(name: str, media_type: MediaType) -> str:
    """Return the safe `name` with an extension of this type: its own if it fits."""
    stem, extension = _parts(name)
    if EXTENSIONS.get(extension.lower()) == media_type:
        return name
    return _joined(stem, next(other for other, kind in EXTENSIONS.items() if kind == media_type))


def rename_keeping_extension(old: str, new: str) -> str:
    """Return `new` with the extension of `old`, whether or not `new` includes one. `MRI 3/4` is typed, not
    in a folder: MRI 3_4. Raises Invalid."""
    tidy, extension = _tidy(SLASHES.sub("_", LEADING_PATH.sub("", new))), PurePosixPath(old).suffix[1:]
    stem, given = _parts(tidy)
    if EXTENSIONS.get(given.lower()) != EXTENSIONS.get(extension.lower()):
        stem = tidy
    if not has_visible(stem):
        raise Invalid("name", _("Enter a file name."))
    return _joined(stem, extension)


def _tidy(name: str) -> str:
    base = SLASHES.split(name)[-1]
    kept = "".join(character for character in base if unicodedata.category(character) not in FORBIDDEN_CATEGORIES)
    composed = unicodedata.normalize("NFC", RESERVED.sub("_", kept))
    return re.sub(r"\s+", " ", composed).strip(". ")


def _extension(name: str) -> str:
    return _parts(name)[1].lower()


def _parts(name: str) -> tuple[str, str]:
    """Return the name before its last dot and the extension after it; a name without a dot has no extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem.rstrip(". "), extension) if dot else (name, "")


def _joined(stem: str, extension: str, *, suffix: str = "") -> str:
    """Return `stem` + `suffix` + `.extension`, with the stem cut to what fits, and never the name of a device."""
    ending = suffix + (f".{extension}" if extension else "")
    stem = DEVICE.sub(r"\1_", stem)[: max(1, MAX_NAME_LENGTH - len(ending))]
    room = max(4, MAX_NAME_BYTES - len(ending.encode()))
    return stem.encode()[:room].decode(errors="ignore").rstrip(". ") + ending
