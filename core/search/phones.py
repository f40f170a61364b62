"""Phone numbers as they are stored and typed (docs/adr/0003)."""

import re

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat

from core.search.letters import tidy
from core.search.regions import UNKNOWN_REGION

MIN_DIGITS = 7  # a shorter number is a part of one, or an extension
NEVER_REWRITTEN = 6  # digits at the end: those before may be, such as the 15 of Argentine mobiles
MAX_DIGITS = 20  # 15 (E.164), and what is dialled before them
_EXTENSION = r"(?:x|ext\.?|extension|#|;ext=)\s*(?P<ext>\d{1,7})"
_PART = r"[\d()+\-./]++"
# What somebody types for a number or a part of it, between blanks: `+49 (30) 90`, `555-0147 x12`.
TYPED = re.compile(
    rf"(?<!\S)(?:tel:)?(?=[()+\-./\s]*+\d)(?P<number>{_PART}(?:\s++{_PART})*)(?:\s*+{_EXTENSION})?(?!\S)"
)
_INTERNATIONAL = re.compile(r"^[\s(]*00")
_NOT_DIGITS = re.compile(r"\D+")
_PLAIN = re.compile(r"[\d()+\-./\s]*")
LONG_VOWEL_AS_DASH = re.compile(r"(?<=\d)\u30fc(?=\d)")  # the dash key of Japanese keyboards types it


def phone_digits(phone: str) -> str:
    """Return only the digits, of any script: `+1 (555) 010-2030` is 15550102030."""
    return _NOT_DIGITS.sub("", tidy(phone))


def significant_digits(phone: str) -> str:
    """Return what two ways to write a number have in common at their end, without an extension: `+49 30 901820` and
    `030 901820` are 30901820. Empty for parts of a number."""
    typed = re.sub(_EXTENSION + r"\s*$", "", tidy(phone))
    digits = phone_digits(typed).lstrip("0")
    number = _parse(typed, UNKNOWN_REGION) if len(digits) <= MAX_DIGITS else None
    digits = _national(number) if number else digits
    return digits if len(digits) >= MIN_DIGITS else ""


def international(phone: str, *, region: str) -> str:
    """Return the number as it is dialled from anywhere (E.164), read as people of this region write it; empty for what
    is none."""
    number = _parse(re.sub(_EXTENSION + r"\s*$", "", tidy(phone)), region)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else ""


def may_end_alike(phone: str, digits: str) -> bool:
    """Return False only where significant_digits(phone) and these neither end with each other, found out at a fiftieth
    of the cost."""
    if not digits:
        return False
    typed = tidy(phone)
    if not _PLAIN.fullmatch(typed):  # an extension, a word to dial
        return True
    return phone_digits(typed)[-NEVER_REWRITTEN:] == digits[-NEVER_REWRITTEN:]


def query_digits(typed: str, *, region: str) -> list[str]:
    """Return the runs of digits one of which a stored number must contain, for a number typed in this region (ISO 3166;
    ZZ if unknown) with or without the country's code and the zero before the area's."""
    match = TYPED.fullmatch(typed)
    main, extension = (match["number"], match["ext"] or "") if match else (typed, "")
    digits = phone_digits(main)
    found = {digits}
    if MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        found |= {digits.lstrip("0") or digits, *_readings(main, digits, region)}
    shortest = [part for part in sorted(found) if not any(other in part for other in found - {part})]
    return [part + extension for part in shortest if part]


def _readings(typed: str, digits: str, region: str) -> set[str]:
    number = _parse(typed, region)
    if number is None:  # perhaps only the + is missing
        number = _parse_strictly("+" + digits, UNKNOWN_REGION)
        if number is None or not phonenumbers.is_valid_number(number):
            return set()
    local = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)  # differs from the other in Argentina
    return {_national(number), phone_digits(local).lstrip("0")}


def _parse(typed: str, region: str) -> PhoneNumber | None:
    """Return the number, if there can be such a one. What begins with 00 is none of a country's own, so that this
    stands for the + everywhere."""
    return _parse_strictly(typed, region) or _parse_strictly(_INTERNATIONAL.sub("+", typed), UNKNOWN_REGION)


def _parse_strictly(typed: str, region: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(typed, region)
    except phonenumbers.NumberParseException:
        return None
    if typed.lstrip().startswith("+") and phonenumbers.is_possible_number(number):
        return number  # a number of North America is only valid in one of 25 regions, which takes 360 calls to say
    return number if phonenumbers.is_valid_number(number) else None


def _national(number: PhoneNumber) -> str:
    return phonenumbers.national_significant_number(number)
