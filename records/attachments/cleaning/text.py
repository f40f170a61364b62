"""Plain text: decoded, checked, and stored as UTF-8 without a byte order mark.

What is not Unicode is taken for Windows-1252, as Notepad and older laboratory programs save in the West, if it reads
like that: the bytes of any other encoding are some text in Windows-1252 too, and a wrong one must not be stored.
"""

import codecs
import re

from records.attachments.cleaning.refusals import CannotClean, RefusalReason

# How text starts that a browser takes for a page (WHATWG MIME Sniffing, 7.1), or that is a script or a drawing.
TAGS = "html head script iframe h1 div font table a style title b body br p svg link meta img form object embed"
PAGE = re.compile(rf"<(?:!doctype|!--|/?(?:{TAGS.replace(' ', '|')})(?:[\s/>]|$))", re.IGNORECASE)
DRAWING = re.compile(r"<svg[\s>]", re.IGNORECASE)
PROGRAM = re.compile(r"<\?|#!|%PDF-|%!PS|\{\\rtf")
CONTROL = re.compile(r"[^\t\n\f\r\x20-\x7e\x85\xa0-\U0010ffff]")
NEVER = re.compile(r"[\ufffe\uffff\ud800-\udfff]")
UTF_8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
ASCII = bytes(range(0x80))
END_OF_FILE = b"\x1a"  # as DOS programs, of laboratories for one, still write
# Letters and signs of Windows-1252 where no Western language has them.
_CAPITALS, _SMALL = rb"\x8a\x8c\x8e\x9f\xc0-\xd6\xd8-\xde", rb"\x9a\x9c\x9e\xdf-\xf6\xf8-\xff"
_LETTER = rb"[A-Za-z" + _CAPITALS + _SMALL + rb"]"
_SIGN = rb"[\x80\x82\x84\x86-\x89\x8b\x93-\x95\x98\x99\x9b\xa1-\xa9\xab\xac\xae-\xb3\xb6\xb8\xb9\xbb-\xbf\xd7\xf7]"
NOT_WESTERN = re.compile(
    b"|".join(
        [
            rb"[" + _CAPITALS + _SMALL + rb"]{4}",  # Cyrillic, Greek, Chinese
            rb"[a-z" + _SMALL + rb"][" + _CAPITALS + rb"]",  # Mac
            _LETTER + _SIGN + rb"+" + _LETTER,  # Eastern Europe, DOS
            rb"[\x86-\x89\x98\x99\xa8\xac\xb8]" + _LETTER,
            _LETTER + rb"[\x82\x84\xa1\xbf]",
        ]
    )
)


def clean_text(data: bytes) -> bytes:
    text = _decoded(data.rstrip(END_OF_FILE))
    if CONTROL.search(text) or NEVER.search(text):
        raise CannotClean(RefusalReason.CONTROL)
    beginning = text.lstrip("\ufeff\t\n\f\r \x85\xa0")[:1000]
    if not beginning:
        raise CannotClean(RefusalReason.EMPTY)
    if DRAWING.search(beginning):
        raise CannotClean(RefusalReason.SVG)
    if PAGE.match(beginning):
        raise CannotClean(RefusalReason.HTML)
    if PROGRAM.match(beginning):
        raise CannotClean(RefusalReason.CONTENT)
    return text.encode()


def _decoded(data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        text = None if wide else _western(data)
        if text is None:
            raise CannotClean(RefusalReason.CHARSET) from error
        return text


def _western(data: bytes) -> str | None:
    """Return the text in Windows-1252; None if it is damaged UTF-8 or does not read like a Western language."""
    in_utf_8 = sum(len(found) for found in UTF_8.findall(data))
    if 2 * in_utf_8 >= len(data.translate(None, ASCII)) or NOT_WESTERN.search(data):
        return None
    try:
        return data.decode("cp1252")
    except UnicodeDecodeError:
        return None
