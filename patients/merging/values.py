"""What a chart says after a merge: which of two values stays."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from core.encryption.fields import MARK, unreadable_marked
from core.errors import Invalid
from patients.models import Patient


class Kept(PublicTextChoices):
    """Whose value stays: that of the chart merged into, or of the one merged away."""

    INTO = "into", _("of the chart that stays")
    FROM = "from", _("of the chart that is merged")


class KeptText(PublicTextChoices):
    """Which text stays; by default both, since a lost allergy does harm."""

    INTO = Kept.INTO.value, Kept.INTO.label
    FROM = Kept.FROM.value, Kept.FROM.label
    BOTH = "both", _("both")


FIELDS = {  # by API name
    "name": "name",
    "email": "email",
    "phone": "phone",
    "dateOfBirth": "date_of_birth",
    "gender": "gender",
    "address": "address",
    "bloodType": "blood_type",
    "allergies": "allergies",
    "medicalHistory": "medical_history",
    "emergencyContact": "emergency_contact",
    "primaryDoctor": "primary_doctor_id",
}
UNREADABLE = _(
    "One of the two can't be decrypted, so it can neither be copied nor replaced. Keep that of the chart that stays, "
    "or merge the other way around."
)
TEXTS = frozenset({"allergies", "medicalHistory"})


class Difference(NamedTuple):
    """A field in which the two charts differ, which of the values is kept, and what the chart says afterwards."""

    field: str
    into: Any
    source: Any
    keep: str
    result: Any

    @property
    def attribute(self) -> str:
        return FIELDS[self.field]

    @property
    def changes(self) -> bool:
        return bool(self.result != self.into)


def differences(into: Patient, source: Patient, keep: Mapping[str, str]) -> Iterator[Difference]:
    """Yield the fields that differ. `keep` says what stays, by field; otherwise the value of `into`, or what the other
    has where it has none, and of texts both. Raises Invalid for two texts that are too long together, and for a value
    that cannot be decrypted and would have to be copied or replaced."""
    with unreadable_marked():
        for field, attribute in FIELDS.items():
            one, other = getattr(into, attribute), getattr(source, attribute)
            if one != other:
                kept = keep.get(field) or _default(field, one, other)
                result = _joined(field, one, other) if kept == KeptText.BOTH else other if kept == Kept.FROM else one
                if result != one and MARK in f"{one}{result}":
                    raise Invalid(f"keep.{field}", UNREADABLE)
                yield Difference(field, one, other, kept, result)


def _default(field: str, one: Any, other: Any) -> str:
    if not one:
        return Kept.FROM
    return KeptText.BOTH if field in TEXTS and other else Kept.INTO


def _joined(field: str, one: str, other: str) -> str:
    """Return both texts, or one of them if it has the other in it."""
    if other in one or MARK in other:
        return one
    text = other if one in other else f"{one}\n{other}"
    most: int = _column(FIELDS[field]).max_length
    if len(text) > most:
        sentence = _("Both texts together are longer than %(most)d characters. Choose one of them.")
        raise Invalid(f"keep.{field}", sentence % {"most": most})
    return text


def to_json(value: Any) -> Any:
    """Return a value of a field as it is stored with a merge."""
    return None if value is None else value.isoformat() if isinstance(value, date) else str(value)


def from_json(attribute: str, stored: Any) -> Any:
    return None if stored is None else _column(attribute).to_python(stored)


def _column(attribute: str) -> Any:
    return Patient._meta.get_field(attribute.removesuffix("_id"))
