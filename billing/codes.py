"""Formats of what claims are made of. Whether a code exists and is in force is for the payer to say."""

import re

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MOST_DIAGNOSES, MOST_LINES, MOST_POINTERS, MOST_MODIFIERS = 12, 50, 4, 4  # CMS-1500 (02/12), items 21 and 24; 837P
LETTERS = "ABCDEFGHIJKL"  # how the form points at diagnoses
OFFICE = "11"  # place of service (CMS code set)

_NPI_PREFIX = 24  # what 80840, the card issuer's number of health applications, adds to the Luhn sum (45 CFR 162.406)
_TAXONOMY = re.compile(r"[0-9]{3}[0-9A-Z]{6}X", re.ASCII)  # NUCC's code set
_TAX_ID = re.compile(r"\d{2}-?\d{7}|\d{3}-\d{2}-\d{4}", re.ASCII)  # EIN, or SSN of a sole proprietor
_ICD = re.compile(r"([A-Z]\d[0-9AB])\.?([0-9A-Z]{0,4})", re.ASCII)
_SERVICE = re.compile(r"\d{4}[0-9FTU]|[A-V]\d{4}", re.ASCII)  # CPT, HCPCS level II
_MODIFIER = re.compile(r"[0-9A-Z]{2}", re.ASCII)
_PLACE = re.compile(r"\d{2}", re.ASCII)


def validate_npi(text: str) -> None:
    """Raise ValidationError unless it is ten digits of which the last is the check digit."""
    if not (re.fullmatch(r"[12]\d{9}", text, re.ASCII) and _luhn(text)):
        raise ValidationError(_("This is not an NPI: ten digits, of which the last is a check digit."))


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * 2 if place % 2 else int(digit) for place, digit in enumerate(reversed(digits))]
    return (_NPI_PREFIX + sum(number // 10 + number % 10 for number in doubled)) % 10 == 0


def validate_taxonomy(text: str) -> None:
    if not _TAXONOMY.fullmatch(text):
        raise ValidationError(_("This is not a taxonomy code, such as 111N00000X."))


def validate_tax_id(text: str) -> None:
    if not _TAX_ID.fullmatch(text):
        raise ValidationError(_("This is not a tax id, such as 12-3456789."))


def validate_place(text: str) -> None:
    if not _PLACE.fullmatch(text):
        raise ValidationError(_("A place of service has two digits, such as 11 for the office."))


def diagnosis(text: str) -> str:
    """Return an ICD-10-CM code as it is written, with its point. Raises ValidationError."""
    found = _ICD.fullmatch(text.strip().upper())
    if found is None:
        raise ValidationError(_("“%(code)s” is not an ICD-10-CM code, such as M54.50.") % {"code": text[:20]})
    return f"{found[1]}.{found[2]}" if found[2] else found[1]


def service_code(text: str) -> str:
    """Return a CPT or HCPCS code. Raises ValidationError."""
    code = text.strip().upper()
    if not _SERVICE.fullmatch(code):
        raise ValidationError(_("“%(code)s” is not a CPT or HCPCS code, such as 98940.") % {"code": text[:20]})
    return code


def modifier(text: str) -> str:
    """Raises ValidationError."""
    code = text.strip().upper()
    if not _MODIFIER.fullmatch(code):
        raise ValidationError(_("“%(code)s” is not a modifier, such as AT.") % {"code": text[:20]})
    return code
