"""Which font writes which character: the Noto families, from two packages, each loaded when its script is first
printed. Loading takes about 0.03 s; the Chinese and Japanese one 0.25 s and 50 MB, once per process."""

import unicodedata
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any, Final

import justmytype_intl_cjk
import manimgx_fonts
import uharfbuzz
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import ShapedStr, TTFont, shapeStr

NOTO = Path(manimgx_fonts.__file__).parent
EAST_ASIAN = Path(justmytype_intl_cjk.__file__).parent / "fonts" / "ofl"
MAIN: Final = "Sans"
REGULAR, BOLD = 400, 700
UNKNOWN = "\ufffd"
_PLACES = {
    "SansSC": EAST_ASIAN / "notosanssc" / "NotoSansSC[wght].ttf",
    "SansKR": EAST_ASIAN / "notosanskr" / "NotoSansKR[wght].ttf",
}
_OF_SCRIPT = {  # by the first word of a character's Unicode name
    **dict.fromkeys(["CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "FULLWIDTH", "HALFWIDTH"], "SansSC"),
    "HANGUL": "SansKR",
    **{
        script.upper(): f"Sans{script}"
        for script in (
            *("Arabic", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Hebrew"),
            *("Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thai"),
        )
    },
}
_SIDE_BY_SIDE = (MAIN, "SansSC", "SansKR")
_OTHERWISE = ("SansSymbols", "SansSC", "Emoji")
_loading = Lock()


@cache
def _loaded(family: str, weight: int) -> Any:
    """Load a font. reportlab does not support variable fonts, so HarfBuzz sets the weight first."""
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_PLACES.get(family, NOTO / f"Noto{family}[wght].ttf"))))
    wanted = uharfbuzz.SubsetInput()
    wanted.keep_everything()
    wanted.pin_axis_location(face, "wght", weight)
    font = TTFont(f"Noto{family}-{weight}", BytesIO(uharfbuzz.subset(face, wanted).blob.data))
    font.face.name = font.fontName.encode()  # otherwise all weights of a family share the first one's outlines
    pdfmetrics.registerFont(font)
    return font


def font(family: str, weight: int) -> Any:
    with _loading:  # registering one name twice at once would clash
        return _loaded(family, weight)


@lru_cache(maxsize=20_000)
def get_family(character: str) -> str:
    """Return the family that has this character; MAIN if none has it, which prints a box."""
    name = unicodedata.name(character, "").partition(" ")[0].partition("-")[0]
    for family in (_OF_SCRIPT.get(name, MAIN), MAIN, *_OTHERWISE):
        if has(character, family):
            return family
    return MAIN


def has(character: str, family: str) -> bool:
    return ord(character) in font(family, REGULAR).face.charToGlyph


def shaped(text: str, family: str, weight: int, size: float) -> str:
    """Shape the text: join and place letters as their script requires. Latin, Greek, Cyrillic, Chinese, Japanese and
    Korean need no shaping, except for combining marks without a precomposed letter."""
    if family in _SIDE_BY_SIDE and not any(map(unicodedata.combining, text)):
        return text
    written: str = shapeStr(text, font(family, weight).fontName, size)
    return written


def width(text: str, family: str, weight: int, size: float) -> float:
    """Return the width in points of text from `shaped`."""
    if isinstance(text, ShapedStr):
        return float(sum(glyph.x_advance for glyph in text.__shapeData__) * size / 1000)
    return float(pdfmetrics.stringWidth(text, font(family, weight).fontName, size))
