"""Which files a chart may hold, and what they may be called."""

import re
import unicodedata
from pathlib import PurePosixPath

from core.errors import Invalid, Refusal
from records.files.cleaning.refusals import Why
from records.models.attachment import NAME_LENGTH, MediaType

EXTENSIONS = {
    "pdf": MediaType.PDF,
    "jpg": MediaType.JPEG,
    "jpeg": MediaType.JPEG,
    "png": MediaType.PNG,
    "webp": MediaType.WEBP,
    "heic": MediaType.HEIC,
    "heif": MediaType.HEIC,
    "txt": MediaType.TEXT,
}
OTHER_WORDS = {"image/jpg": MediaType.JPEG, "image/heif": MediaType.HEIC}  # as clients name them too
TURNED_AWAY = {  # types that people do send, and what to tell them
    "docx": Why.DOCX,
    "doc": Why.DOCX,
    "docm": Why.DOCX,
    "svg": Why.SVG,
    "svgz": Why.SVG,
    "html": Why.HTML,
    "htm": Why.HTML,
    "xhtml": Why.HTML,
}
# Controls, invisible and direction-turning characters, surrogates, private ones, line and paragraph separators.
NOT_IN_NAMES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
RESERVED = re.compile(r'[<>:"|?*]')  # what Windows does not store in a name


class FileRefused(Refusal):
    """400: this file is not taken. `reason` is one of a few words, for the trail; `detail` says it to a person."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.sentence, errors={"file": [why.sentence]})
        self.reason = why.reason


def agreed_type(name: str, declared_type: str) -> MediaType:
    """What a file is by its extension and by the Content-Type it was sent with, whose parameters do not count; raises
    FileRefused unless both say the same."""
    extension = _extension(name)
    if extension not in EXTENSIONS:
        raise FileRefused(TURNED_AWAY.get(extension, Why.TYPE))
    declared = declared_type.partition(";")[0].strip().lower()
    if declared in ("", "application/octet-stream"):
        raise FileRefused(Why.UNDECLARED)
    if OTHER_WORDS.get(declared, declared) != EXTENSIONS[extension]:
        raise FileRefused(Why.DECLARED)
    return EXTENSIONS[extension]


def safe_name(name: str) -> str:
    """The name without folders and whatever else does not belong in one, at most 200 characters with its extension
    kept; raises FileRefused when none is left."""
    cleaned = _tidy(name)
    stem, extension = _parts(cleaned)
    if not stem:
        raise FileRefused(Why.NAME)
    return _joined(stem, extension)


def named_as(name: str, media_type: MediaType) -> str:
    """The safe `name` with an extension of this type: its own where that is one."""
    stem, extension = _parts(name)
    if EXTENSIONS.get(extension.lower()) == media_type:
        return name
    return _joined(stem, next(other for other, kind in EXTENSIONS.items() if kind == media_type))


def renamed(old: str, new: str) -> str:
    """`new` with the extension of `old`, whether it carries one of that type or not. Raises Invalid."""
    tidy, extension = _tidy(new), PurePosixPath(old).suffix[1:]
    stem, given = _parts(tidy)
    if EXTENSIONS.get(given.lower()) != EXTENSIONS.get(extension.lower()):
        stem = tidy
    if not stem:
        raise Invalid("name", "Give the file a name.")
    return _joined(stem, extension)


def _tidy(name: str) -> str:
    base = re.split(r"[/\\]", name)[-1]
    kept = "".join(character for character in base if unicodedata.category(character) not in NOT_IN_NAMES)
    composed = unicodedata.normalize("NFC", RESERVED.sub("_", kept))
    return re.sub(r"\s+", " ", composed).strip(". ")


def _extension(name: str) -> str:
    return _parts(name)[1].lower()


def _parts(name: str) -> tuple[str, str]:
    """The name before its last dot, and what stands after it; a name without a dot, or with nothing before it, has no
    extension."""
    stem, dot, extension = name.rpartition(".")
    return (stem.rstrip(". "), extension) if dot else (name, "")


def _joined(stem: str, extension: str) -> str:
    ending = f".{extension}" if extension else ""
    return stem[: max(1, NAME_LENGTH - len(ending))].rstrip(". ") + ending
