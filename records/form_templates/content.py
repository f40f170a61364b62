"""What a template may ask: its fields, and which of their answers belong into the chart."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from core.errors import Invalid, Sentence
from core.texts import READABLE, validate_line
from records.models.patient_form import FieldKind

MOST_QUESTIONS, MOST_OPTIONS = 100, 30
MAX_LABEL, MAX_STATEMENT, MAX_HINT, MAX_OPTION = 300, 10_000, 500, 200


class Fills(PublicTextChoices):
    """The field of the chart that an answer may be taken over into."""

    PHONE = "phone", _("Phone")
    EMAIL = "email", _("Email")
    ADDRESS = "address", _("Address")
    DATE_OF_BIRTH = "dateOfBirth", _("Date of birth")
    EMERGENCY_CONTACT = "emergencyContact", _("Emergency contact")
    BLOOD_TYPE = "bloodType", _("Blood type")
    ALLERGIES = "allergies", _("Allergies")
    MEDICAL_HISTORY = "medicalHistory", _("Medical history")


COLUMNS = {
    Fills.PHONE: "phone",
    Fills.EMAIL: "email",
    Fills.ADDRESS: "address",
    Fills.DATE_OF_BIRTH: "date_of_birth",
    Fills.EMERGENCY_CONTACT: "emergency_contact",
    Fills.BLOOD_TYPE: "blood_type",
    Fills.ALLERGIES: "allergies",
    Fills.MEDICAL_HISTORY: "medical_history",
}
ANSWERED_IN_WORDS = (FieldKind.TEXT, FieldKind.LONG_TEXT)

NO_FIELDS = _("Add at least one question or signature.")
TOO_MANY = _("A form can have up to %(most)d questions.")
ONE_SIGNATURE = _("A form can ask for one signature.")
NO_LABEL = _("Question %(number)d: enter what it asks for.")
TWO_OPTIONS = _("Question %(number)d: enter at least two different answers to choose from, each on its own line.")
DOES_NOT_FIT = _("Question %(number)d: an answer of this kind can't be taken over into %(field)s of the chart.")
FILLED_TWICE = _("Question %(number)d: another question is taken over into %(field)s of the chart already.")


def checked_questions(questions: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the questions as a version keeps them, each with a `key`. Raises Invalid."""
    found = [_checked(number, field) for number, field in enumerate(questions, start=1)]
    if len(found) > MOST_QUESTIONS:
        raise Invalid("questions", TOO_MANY % {"most": MOST_QUESTIONS})
    if all(field["kind"] == FieldKind.STATEMENT for field in found):
        raise Invalid("questions", NO_FIELDS)
    if sum(field["kind"] == FieldKind.SIGNATURE for field in found) > 1:
        raise Invalid("questions", ONE_SIGNATURE)
    filled: set[str] = set()
    for number, field in enumerate(found, start=1):
        if field["fills"] in filled:
            raise Invalid("questions", FILLED_TWICE % {"number": number, "field": Fills(field["fills"]).label})
        filled |= {field["fills"]} - {""}
    return found


def _checked(number: int, field: Mapping[str, Any]) -> dict[str, Any]:
    kind, label = FieldKind(field["kind"]), str(field.get("label", "")).replace("\r\n", "\n").strip()
    is_statement, is_choice = kind == FieldKind.STATEMENT, kind == FieldKind.CHOICE
    _check_text(label, READABLE if is_statement else [validate_line], number)
    if len(label) > (MAX_STATEMENT if is_statement else MAX_LABEL):
        _refuse(NO_LABEL, number)
    options = [option for line in field.get("options") or () if (option := str(line).strip())] if is_choice else []
    if is_choice and not 2 <= len(set(options)) == len(options) <= MOST_OPTIONS:
        _refuse(TWO_OPTIONS, number)
    for option in options:
        _check_text(option, [validate_line], number)
    fills = field.get("fills") or ""
    if fills and not _fits(kind, fills):
        raise Invalid("questions", DOES_NOT_FIT % {"number": number, "field": Fills(fills).label})
    return {
        "key": f"f{number}",
        "kind": kind.value,
        "label": label,
        "hint": str(field.get("hint", "")).strip(),
        "required": bool(field.get("required")) and not is_statement,
        "options": options,
        "fills": fills,
    }


def _fits(kind: FieldKind, fills: str) -> bool:
    return kind == FieldKind.DATE if fills == Fills.DATE_OF_BIRTH else kind in ANSWERED_IN_WORDS


def _check_text(text: str, validators: Iterable[Any], number: int) -> None:
    try:
        for validate in validators:
            validate(text)
    except ValidationError as error:
        raise Invalid("questions", NO_LABEL % {"number": number}) from error


def _refuse(sentence: Sentence, number: int) -> None:
    raise Invalid("questions", str(sentence) % {"number": number})
