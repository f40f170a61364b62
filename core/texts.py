"""What a text must be, from wherever it comes: the API, a form of the site, a command.

A validator raises ValidationError, which serializers, forms and models all understand. Models carry those of their
fields; every text that the API takes has at least `validate_text` (StrictCharField in core/api/serializers.py).
"""

import re
import unicodedata

import regex
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from iso4217 import Currency

# What no font draws, and Braille without dots.
_UNDRAWN = regex.compile(r"[\p{Default_Ignorable_Code_Point}\u2800]")
# General categories: no blanks, no accents alone; Cn may be the letters of a later Unicode.
_SEEN = re.compile("[LNPS].|Cn|Co")
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]")
_DIRECTIONS = re.compile("[\u202a-\u202e\u2066-\u2069]")  # the name after one may be shown backwards
_BACKWARDS = "\u202e"
_STAND_INS = re.compile("[\u115f\u1160\u2800\u3164\uffa0\ufffc\ufffd]")  # drawn as a blank, or for what was lost

_APART = r"[\s()\-./*#]*"  # between the digits of one number
_PHONE_ALONE = re.compile(rf"[\s(+*#]*(?:\d{_APART})+")
_PHONE_FIRST = re.compile(rf"[\s(+*#]*(?:\d{_APART}){{3}}")
_PHONE_WITHIN = re.compile(rf"(?:\d{_APART}){{7}}")
_COUNTRY_ALONE = re.compile(r"[\s(]*\+\D*(?:\d\D*){0,5}")  # no country has numbers that short
_TOO_LONG_FOR_PHONE = re.compile(rf"(?:\d{_APART}){{21}}")  # 15 digits (E.164), and prefixes
_FOREIGN_TO_PHONES = re.compile(r"[^\w\s+()\-./*#,;:=&~'\u2019]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u30fc]")  # U+30FC is what Japanese keyboards have there

LETTERS = {"Lu", "Ll", "Lt", "Lo"}  # not Lm, what stands beside one: an okina, a tatweel, a long vowel

NO_NAME = _("Enter a name with at least one letter.")
NOTHING_TO_SEE = _("Enter some text: blank or invisible characters are not enough.")
UNPRINTABLE = _("Remove the control characters from this text.")
DIRECTION = _("Remove the invisible characters that change the direction of the text.")
ONE_LINE = _("Enter this on one line, without tabs or line breaks.")
LOST = _("Type this again: some of its characters are blank or were lost.")
NO_PHONE = _("Enter a phone number, such as (212) 555-0144 or +49 30 901820.")
NO_EMAIL = _("Enter a valid email address.")
NO_CURRENCY = _("Enter the three-letter code of a currency, such as USD or EUR.")


def has_visible(text: str) -> bool:
    """Return whether anything of the text can be seen: not only blanks, invisible characters or accents."""
    return any(_SEEN.fullmatch(unicodedata.category(character)) for character in _UNDRAWN.sub("", text))


def validate_text(text: str) -> None:
    """Free text: no control characters but tabs and line breaks."""
    if _UNPRINTABLE.search(text):
        raise ValidationError(UNPRINTABLE)


def validate_visible(text: str) -> None:
    if not has_visible(text):
        raise ValidationError(NOTHING_TO_SEE)


READABLE = [validate_text, validate_visible]


def validate_line(text: str) -> None:
    """A text on one line, such as a title: it can be seen, and ends where the line does. No character stands for one
    that was lost."""
    validate_text(text)
    if _BREAKS.search(text):
        raise ValidationError(ONE_LINE)
    if _DIRECTIONS.search(text):
        raise ValidationError(DIRECTION)
    validate_visible(text)
    if _STAND_INS.search(text):
        raise ValidationError(LOST)


def validate_name(text: str) -> None:
    """A person's name: a line with a letter of any script. Joiners are part of Persian and Indic spellings; soft
    hyphens and zero-width spaces come from web pages, and search looks past them."""
    validate_line(text)
    if not any(unicodedata.category(character) in LETTERS for character in text):
        raise ValidationError(NO_NAME)


def validate_drawn(text: str) -> None:
    """What programs compare, such as an address: a character that nobody sees would keep two of them apart."""
    if _UNDRAWN.search(text) or _STAND_INS.search(text):
        raise ValidationError(LOST)


def validate_mailable(text: str) -> None:
    """An email that can be written to from elsewhere, as everybody's can: Django's validator takes a@localhost and
    a@[127.0.0.1], too."""
    host = text.rpartition("@")[2].lower()
    if host == "localhost" or host.startswith("["):
        raise ValidationError(NO_EMAIL)


EMAIL = [validate_drawn, validate_mailable]


def validate_phone(text: str) -> None:
    """A phone number as people write it, in digits of any script: with blanks, an extension, a remark, a second number.

    A short one may be internal; with words after it, it has three digits or more, with words before it, seven."""
    if _BREAKS.search(text) or _UNPRINTABLE.search(text):
        raise ValidationError(ONE_LINE)
    if _BACKWARDS in text:
        raise ValidationError(DIRECTION)
    number = _DASHES.sub("-", unicodedata.normalize("NFKC", _UNDRAWN.sub("", text)))
    is_number = _PHONE_ALONE.fullmatch(number) or _PHONE_FIRST.match(number) or _PHONE_WITHIN.search(number)
    is_none = _COUNTRY_ALONE.fullmatch(number) if _PHONE_ALONE.fullmatch(number) else None
    if is_none or not any(unicodedata.decimal(digit, 0) for digit in number):  # not zeros alone
        raise ValidationError(NO_PHONE)
    if not is_number or _TOO_LONG_FOR_PHONE.search(number) or _FOREIGN_TO_PHONES.search(number):
        raise ValidationError(NO_PHONE)


def validate_currency(code: str) -> None:
    """The code of a currency in use (ISO 4217), not of a precious metal or a fund."""
    try:
        is_money = Currency(code).exponent is not None
    except ValueError:
        is_money = False
    if not is_money:
        raise ValidationError(NO_CURRENCY)
