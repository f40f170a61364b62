"""Plain text: decoded, looked at whole, and stored as UTF-8 without a byte order mark."""

import codecs
import re

from records.files.cleaning.refusals import CannotClean, Why

# The beginnings by which a browser takes text for a page (WHATWG MIME Sniffing, 7.1), and other scripts' and drawings'.
TAGS = "html head script iframe h1 div font table a style title b body br p svg link meta img form object embed"
PAGE = re.compile(rf"<(?:!doctype|!--|/?(?:{TAGS.replace(' ', '|')})(?:[\s/>]|$))", re.IGNORECASE)
DRAWING = re.compile(r"<svg[\s>]", re.IGNORECASE)
PROGRAM = re.compile(r"<\?|#!|%PDF-|%!PS|\{\\rtf")
CONTROL = re.compile(r"[^\t\n\f\r\x20-\x7e\x85\xa0-\U0010ffff]")
NEVER = re.compile(r"[\ufffe\uffff\ud800-\udfff]")


def cleaned_text(data: bytes) -> bytes:
    text = _decoded(data)
    if CONTROL.search(text) or NEVER.search(text):
        raise CannotClean(Why.CONTROL)
    beginning = text.lstrip("\ufeff\t\n\f\r \x85\xa0")[:1000]
    if not beginning:
        raise CannotClean(Why.EMPTY)
    if DRAWING.search(beginning):
        raise CannotClean(Why.SVG)
    if PAGE.match(beginning):
        raise CannotClean(Why.HTML)
    if PROGRAM.match(beginning):
        raise CannotClean(Why.CONTENT)
    return text.encode()


def _decoded(data: bytes) -> str:
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotClean(Why.CHARSET) from error
