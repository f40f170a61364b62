"""The form in which the front desk corrects a chart: what the matrix lets this person change (docs/permissions.md),
but for the allergies, which have a form of their own in the banner."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any, cast
from uuid import UUID

from django import forms
from django.db.models import Q
from django.http import QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import queries
from audit.events import AuditEvent
from core.encryption.fields import is_unreadable
from core.formats import format_day
from core.permissions import Permission
from core.texts import EMAIL, READABLE, validate_line, validate_name, validate_phone
from core.typed import PickedDateField
from patients.models import Gender, Patient
from patients.models.patient import EXPECTED_FIELDS
from patients.serializers import check_birth_date
from patients.services import CLINICAL_FIELDS

FIELDS = (
    *("name", "date_of_birth", "gender", "phone", "email", "address", "emergency_contact"),
    *("primary_doctor_id", "blood_type", "medical_history"),
)
RECENT = 20  # events among which the latest change of the chart itself is looked for


class LinesField(forms.CharField):
    """A text that may have several lines. An input of one line would drop the breaks and save that."""

    widget = forms.Textarea(attrs={"rows": 2})

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).replace("\r\n", "\n")  # as forms send lines


def as_doctor(value: Any) -> UUID | None:
    return UUID(str(value)) if value else None


class ContactForm(forms.Form):
    """Each field also has, hidden, what it held when the page was opened, so that a stale form tells what was typed
    from what a colleague has changed."""

    name = forms.CharField(label=_("Name"), max_length=200, validators=[validate_name])
    date_of_birth = PickedDateField(label=_("Date of birth"), required=False, validators=[check_birth_date])
    gender = forms.ChoiceField(label=_("Gender"), choices=[("", _("Unknown")), *Gender.choices], required=False)
    phone = forms.CharField(label=_("Phone"), max_length=40, required=False, validators=[validate_phone])
    email = forms.EmailField(label=_("Email"), max_length=254, required=False, validators=EMAIL)
    address = LinesField(label=_("Address"), max_length=500, required=False, validators=READABLE)
    emergency_contact = LinesField(label=_("Emergency contact"), max_length=300, required=False, validators=READABLE)
    primary_doctor_id = forms.TypedChoiceField(
        label=_("Primary doctor"), coerce=as_doctor, empty_value=None, required=False
    )
    blood_type = forms.CharField(label=_("Blood type"), max_length=20, required=False, validators=[validate_line])
    medical_history = LinesField(label=_("Medical history"), max_length=20_000, required=False, validators=READABLE)
    version = forms.IntegerField(min_value=1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, by: User, chart: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        allowed = fields_of(by, chart)
        self.offered = [name for name in allowed if not is_unreadable(chart, name)]
        self.damaged = ", ".join(str(self.fields[name].label) for name in allowed if name not in self.offered)
        for name in self.fields.keys() - {*self.offered, "version"}:
            del self.fields[name]
        for name in self.offered:
            self.fields[name].show_hidden_initial = True
            self.fields[name].widget.attrs["autocomplete"] = "off"  # no browser fills in its own user's address
        if "primary_doctor_id" in self.fields:
            cast("forms.ChoiceField", self.fields["primary_doctor_id"]).choices = _doctors(chart)
        self.initial = {**{name: _in_field(chart, name) for name in self.offered}, "version": chart.version}

    def clean(self) -> dict[str, Any]:
        """A value from before a rule must not keep the other fields from being saved."""
        cleaned = super().clean() or {}
        for name in set(self.errors) & (set(self.offered) - set(self.changed_data)):
            del self.errors[name]
        return cleaned

    @property
    def changes(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.offered if name in self.changed_data}

    def labels(self, names: Iterable[str]) -> str:
        return ", ".join(str(self.fields[name].label) for name in self.offered if name in names)

    def brought_up_to(self, chart: Patient, *, by: User) -> tuple["ContactForm", str]:
        """Return the form of the chart as it is now with what was typed in this one, and what others have changed.
        Where both did, the field says what is in the chart."""
        now = ContactForm(by=by, chart=chart)
        kept = {name: str(value) for name, value in now.initial.items()}
        theirs = ContactForm(self._sent(kept), by=by, chart=chart).changed_data
        typed = [name for name in self.changed_data if name in now.offered]
        sent = self._sent({name: value for name, value in kept.items() if name not in typed})
        sent.update({f"initial-{name}": kept[name] for name in now.offered})
        merged = ContactForm(sent, by=by, chart=chart)
        for name in set(typed) & set(theirs):
            said = {"value": displayed(now[name]) or gettext("nothing")}
            merged.fields[name].help_text = gettext("In the chart now: %(value)s") % said
        return merged, merged.labels(theirs)

    def _sent(self, values: dict[str, str]) -> dict[str, Any]:
        return {**cast("QueryDict", self.data).dict(), **values}


def fields_of(person: User, chart: Patient) -> list[str]:
    """Return the fields of the form that this person may change in the chart; none if it is not theirs to open."""
    if person.can(Permission.WRITE_CHARTS):
        # who is only let in for an emergency names no doctor: that doctor would get regular access
        return [name for name in FIELDS if not (chart.emergency_id and name == "primary_doctor_id")]
    return [name for name in FIELDS if name in CLINICAL_FIELDS and person.can(Permission.WRITE_CLINICAL_FIELDS)]


def missing_in(chart: Patient) -> str:
    """Return what the chart lacks, in words; what cannot be decrypted is there."""
    lacking = [name for name in EXPECTED_FIELDS if not is_unreadable(chart, name) and not getattr(chart, name)]
    return ", ".join(str(ContactForm.base_fields[name].label) for name in lacking)


def last_changed_by(chart: Patient) -> str:
    """Return who changed the chart last; empty if the trail names nobody who still has an account."""
    wanted = queries.EventFilter(practice_id=chart.practice_id, patient=chart.pk, event=AuditEvent.CHANGED)
    events, _after = queries.page(wanted, after=None, limit=RECENT)
    event = next((event for event in events if event.about == Patient._meta.label), None)
    person = User.objects.filter(pk=event.user_id).first() if event else None
    return str(person.name) if person else ""


def _doctors(chart: Patient) -> list[tuple[str, str]]:
    """Return the doctors to choose from: who works here, and whoever it is now."""
    offered = User.objects.filter(Q(pk__in=User.objects.doctors().values("pk")) | Q(pk=chart.primary_doctor_id))
    return [("", gettext("None")), *sorted(((str(one.pk), str(one.name)) for one in offered), key=itemgetter(1))]


def _in_field(chart: Patient, name: str) -> str:
    value = getattr(chart, name)
    return "" if value is None else str(value)  # a date in ISO 8601, as the browser's own field has it


def displayed(field: forms.BoundField) -> str:
    value = str(field.value())
    if isinstance(field.field, forms.DateField):
        return format_day(value) if value else ""
    if isinstance(field.field, forms.ChoiceField):
        return next((str(label) for key, label in cast("Any", field.field.choices) if str(key) == value), "")
    return value
