"""Which font writes which character: the Noto families, as two packages ship them, each opened when its script is first
printed. Loading one costs about 0.03 s; the Chinese and Japanese one 0.25 s and 50 MB, once in a process."""

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
    """reportlab takes no variable font, so HarfBuzz sets the weight first."""
    face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(_PLACES.get(family, NOTO / f"Noto{family}[wght].ttf"))))
    wanted = uharfbuzz.SubsetInput()
    wanted.keep_everything()
    wanted.pin_axis_location(face, "wght", weight)
    font = TTFont(f"Noto{family}-{weight}", BytesIO(uharfbuzz.subset(face, wanted).blob.data))
    font.face.name = font.fontName.encode()  # else all weights of a family would share the first one's outlines
    pdfmetrics.registerFont(font)
    return font


def font(family: str, weight: int) -> Any:
    with _loading:  # two of one name would get in each other's way
        return _loaded(family, weight)


@lru_cache(maxsize=20_000)
def family_of(character: str) -> str:
    """The family that has this character; MAIN for one that none has, which shows a box in its place."""
    name = unicodedata.name(character, "").partition(" ")[0].partition("-")[0]
    for family in (_OF_SCRIPT.get(name, MAIN), MAIN, *_OTHERWISE):
        if has(character, family):
            return family
    return MAIN


def has(character: str, family: str) -> bool:
    return ord(character) in font(family, REGULAR).face.charToGlyph


def shaped(text: str, family: str, weight: int, size: float) -> str:
    """With the forms and places that its script gives to letters side by side. Latin, Greek, Cyrillic, Chinese,
    Japanese and Korean need none, but for marks that no letter of theirs holds."""
    if family in _SIDE_BY_SIDE and not any(map(unicodedata.combining, text)):
        return text
    written: str = shapeStr(text, font(family, weight).fontName, size)
    return written


def width(text: str, family: str, weight: int, size: float) -> float:
    """In points, of text as `shaped` gives it."""
    if isinstance(text, ShapedStr):
        return float(sum(glyph.x_advance for glyph in text.__shapeData__) * size / 1000)
    return float(pdfmetrics.stringWidth(text, font(family, weight).fontName, size))
