"""The answers of a form: one Django form for the pages, the tablet and the API, built from the template's version."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.errors import Refusal
from core.formats import format_day
from core.texts import EMAIL, READABLE, validate_line, validate_name, validate_phone
from core.typed import PickedDateField
from records.form_templates.content import COLUMNS, Fills
from records.models import FormVersion
from records.models.patient_form import FieldKind

LONGEST = {FieldKind.TEXT: 500, FieldKind.LONG_TEXT: 5000}
LONGEST_FILLING = {"phone": 40, "email": 254, "emergency_contact": 300, "blood_type": 20}
FILLING: dict[str, list[Any]] = {
    Fills.PHONE: [validate_phone],
    Fills.EMAIL: [EmailValidator(), *EMAIL],
    Fills.BLOOD_TYPE: [validate_line],
}
YES_NO = (("yes", _("Yes")), ("no", _("No")))
MOST_STROKES, MOST_POINTS = 500, 20_000
WIDE, HIGH = 1000, 400  # of the plane that strokes are drawn in

NOT_COMPLETE = _("The form isn't complete yet. Please look at what is marked.")
UNKNOWN_ANSWER = _("The form doesn't ask this.")
SIGN_HERE = _("Please sign: draw your signature, or type your full name.")
NOT_DRAWN = _("This is not a drawn signature.")


class Incomplete(Refusal):
    """400: an answer is missing or can't be right. `errors` are by the field's key, or `name` and `strokes`."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(NOT_COMPLETE, errors=errors)


class NumberField(forms.DecimalField):
    """Takes a decimal comma where it can't be one between thousands, in whatever language the page is."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(re.sub(r"^(-?\d+),(\d{1,2})$", r"\1.\2", value.strip()) if value else value)


class AnswerForm(forms.Form):
    """The fields that a version asks for. `name` is typed by whoever signs."""

    use_required_attribute = False  # the server says what is missing, beside each field

    def __init__(self, data: Any = None, *, version: FormVersion, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.asked = version.questions
        for field in self.asked:
            if built := _built(field):
                self.fields[field["key"]] = built

    @property
    def shown(self) -> list[tuple[dict[str, Any], Any]]:
        """Each field of the version, in its order, with the bound one that takes the answer."""
        return [(field, self[field["key"]] if field["key"] in self.fields else None) for field in self.asked]


def _built(field: dict[str, Any]) -> forms.Field | None:
    kind = FieldKind(field["kind"])
    if kind in (FieldKind.STATEMENT, FieldKind.SIGNATURE):
        return None
    common: dict[str, Any] = {"required": field["required"], "label": field["label"], "help_text": field["hint"]}
    if kind == FieldKind.DATE:
        return PickedDateField(**common)
    if kind == FieldKind.NUMBER:
        return NumberField(max_digits=15, decimal_places=6, widget=forms.TextInput({"inputmode": "decimal"}), **common)
    if kind in (FieldKind.CHOICE, FieldKind.YES_NO):
        choices = YES_NO if kind == FieldKind.YES_NO else [(option, option) for option in field["options"]]
        return forms.ChoiceField(choices=list(choices), widget=forms.RadioSelect, **common)
    is_long = kind == FieldKind.LONG_TEXT
    column = COLUMNS.get(field["fills"])
    most = min(LONGEST[kind], LONGEST_FILLING.get(column or "", LONGEST[kind]))
    return forms.CharField(
        max_length=most,
        widget=forms.Textarea(attrs={"rows": 4}) if is_long else forms.TextInput(),
        validators=[*(READABLE if is_long else [validate_line]), *FILLING.get(field["fills"], [])],
        **common,
    )


def checked_answers(
    version: FormVersion, answers: Mapping[str, str], *, name: str, strokes: Any
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the answers by key, and the signature, both as they are stored. A blank required field is not complete.
    Raises Incomplete."""
    form = AnswerForm(dict(answers), version=version)
    errors = {key: [str(message) for message in messages] for key, messages in form.errors.items()}
    errors |= {key: [str(UNKNOWN_ANSWER)] for key in answers if key not in form.fields}
    signature, wrong = _signature(version, name.strip(), strokes)
    errors |= wrong
    if errors:
        raise Incomplete(errors)
    stored = {key: _stored(value) for key, value in form.cleaned_data.items() if value not in (None, "")}
    return stored, signature


def _stored(value: Any) -> str:
    text = format(value, "f") if hasattr(value, "as_tuple") else str(value)
    return text.replace("\r\n", "\n")


def _signature(version: FormVersion, name: str, strokes: Any) -> tuple[dict[str, Any], dict[str, list[str]]]:
    asked = next((field for field in version.questions if field["kind"] == FieldKind.SIGNATURE), None)
    if asked is None or not (asked["required"] or name or strokes):
        return {}, {}
    try:
        validate_name(name)
    except ValidationError:
        return {}, {"name": [str(SIGN_HERE if not name else gettext("Enter your full name."))]}
    if len(name) > 200 or not _is_drawing(strokes):
        return {}, {"strokes": [str(NOT_DRAWN)]}
    return {"name": name, **({"strokes": strokes} if strokes else {})}, {}


def _is_drawing(strokes: Any) -> bool:
    if not isinstance(strokes, list) or len(strokes) > MOST_STROKES:
        return False
    if not all(isinstance(stroke, list) and stroke for stroke in strokes):
        return False
    points = [point for stroke in strokes for point in stroke]
    return len(points) <= MOST_POINTS and all(_is_point(point) for point in points)


def _is_point(point: Any) -> bool:
    if not isinstance(point, list) or len(point) != 2 or not all(type(value) is int for value in point):
        return False
    return 0 <= point[0] <= WIDE and 0 <= point[1] <= HIGH


def in_words(field: Mapping[str, Any], answer: str) -> str:
    """Return an answer as people read it."""
    if field["kind"] == FieldKind.YES_NO:
        return str(dict(YES_NO).get(answer, answer))
    return format_day(answer) if answer and field["kind"] == FieldKind.DATE else answer
