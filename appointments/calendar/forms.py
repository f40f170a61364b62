"""What the calendar's pages are asked for. Everything comes from a page of ours, so that a mistake is one in an address
that somebody typed, except in the fields that people fill in."""

from datetime import date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appointments.models import AppointmentStatus, CancelReason, Priority, SeriesScope, SeriesUnit
from appointments.models.appointment_type import LONGEST, SHORTEST
from appointments.time_rules import EARLIEST, INVALID_DATE, LATEST
from appointments.visits.machine import Action
from core.forms import CheckedForm, as_uuid
from core.texts import READABLE, validate_name, validate_phone
from core.typed import EARLIEST_DAY, LATEST_DAY, TypedDateField, TypedTimeField, short_date

# what is said with one click; cancelling and booking again are changes
STATUS_ACTIONS = (Action.CONFIRM, Action.ARRIVE, Action.START, Action.FINISH, Action.NO_SHOW, Action.UNDO)
VIEWS = ("day", "rooms", "week", "list")
UNITS = [
    ("", _("Doesn't repeat")),
    (SeriesUnit.DAY.value, _("Every so many days")),
    (SeriesUnit.WEEK.value, _("Every so many weeks")),
    (SeriesUnit.MONTH.value, _("Every so many months")),
]
ENDS = [("count", _("Number of visits")), ("until", _("Last day"))]
FIRST_GUESS = 6  # visits of a series, before somebody says how many


class DayField(TypedDateField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def refusal(self) -> str:
        example = short_date(timezone.localdate())
        return gettext("Enter a date between 1880 and 2200, such as %(day)s.") % {"day": example}

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        # a week reaches beyond its day
        if day is not None and not EARLIEST_DAY + timedelta(days=7) <= day <= LATEST_DAY - timedelta(days=7):
            raise forms.ValidationError(self.refusal())
        return day


class IsoDateTimeField(forms.DateTimeField):
    """A moment in ISO 8601, as the cells of the calendar have it."""

    default_error_messages = {"invalid": INVALID_DATE}

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        if moment is not None and not EARLIEST <= moment < LATEST:
            raise forms.ValidationError(INVALID_DATE)
        return moment


class ViewStateForm(CheckedForm):
    """Which part of the calendar a page shows; what is not given is as it was last."""

    day = DayField()
    view = forms.ChoiceField(choices=[(view, view) for view in VIEWS], required=False)
    office = forms.UUIDField(required=False)
    doctor = forms.UUIDField(required=False)
    room = forms.UUIDField(required=False)
    patient = forms.UUIDField(required=False)  # for whom a time is looked for
    token = forms.CharField(max_length=100, required=False)


class SlotForm(CheckedForm):
    """A free time, and what is to be booked then as far as it is known. Without a doctor, the page finds one who is
    free then; `hold` is what keeps the time for this form."""

    doctor = forms.UUIDField(required=False)
    by_room = forms.BooleanField(required=False)  # the calendar shows rooms: the doctor is chosen here
    start = IsoDateTimeField()
    hold = forms.UUIDField(required=False)
    office = forms.UUIDField(required=False)
    type = forms.UUIDField(required=False)
    room = forms.UUIDField(required=False)
    patient = forms.UUIDField(required=False)
    reason = forms.CharField(max_length=500, required=False, validators=READABLE, label=_("Reason"))
    allow_overlap = forms.BooleanField(required=False)
    allow_past = forms.BooleanField(required=False)
    new = forms.BooleanField(required=False)
    name = forms.CharField(max_length=200, required=False, validators=[validate_name], label=_("Name"))
    phone = forms.CharField(max_length=40, required=False, validators=[validate_phone], label=_("Phone"))
    confirm_new = forms.BooleanField(required=False)
    unit = forms.ChoiceField(choices=UNITS, required=False, label=_("Repeat"))
    every = forms.IntegerField(min_value=1, max_value=366, required=False, label=_("Every"))
    count = forms.IntegerField(min_value=2, max_value=100, required=False, label=_("Visits"))
    until = DayField(label=_("Until"))
    ends = forms.ChoiceField(choices=ENDS, required=False, label=_("Ends"))
    skip = forms.BooleanField(required=False)  # book the others if some visits can't take place

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("doctor") and not cleaned.get("by_room") and "doctor" not in self.errors:
            self.add_error("doctor", self.fields["doctor"].error_messages["required"])
        return cleaned

    @property
    def repetition(self) -> dict[str, Any]:
        """Return how the visit repeats, as the service names it; nothing for a single one. Without an end there are
        some, which the page shows and somebody corrects."""
        asked = self.cleaned_data
        if not asked.get("unit"):
            return {}
        rule = {"unit": asked["unit"], "every": asked.get("every") or 1}
        if asked.get("ends") == "until" and asked.get("until"):
            return {**rule, "until": asked["until"]}
        return {**rule, "count": asked.get("count") or FIRST_GUESS}


class BookForm(SlotForm):
    """What is to be booked: of a new patient, the name and the phone must be said by now."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("new"):
            for name, sentence in (("name", _("Enter the patient's name.")), ("phone", _("Enter a phone number."))):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, sentence)
        return cleaned


class ChangeForm(CheckedForm):
    """A change of a visit: where it was dragged, or what it was before, to undo."""

    version = forms.IntegerField(required=False, min_value=1)
    doctor = forms.UUIDField(required=False)
    start = IsoDateTimeField(required=False)
    day = DayField()
    time = TypedTimeField(required=False)
    room = forms.UUIDField(required=False)  # given, but empty: in none
    minutes = forms.IntegerField(required=False, min_value=SHORTEST, max_value=LONGEST)
    status = forms.ChoiceField(
        choices=[(value, value) for value in (AppointmentStatus.SCHEDULED, AppointmentStatus.CANCELLED)],
        required=False,
    )
    cancel_reason = forms.ChoiceField(choices=CancelReason.choices, required=False)
    confirmed = forms.BooleanField(required=False)
    undo = forms.BooleanField(required=False)
    # why it was cancelled, chosen in the message that says so: of this visit alone, or of more of its series
    just_cancelled = forms.ChoiceField(choices=[("one", ""), ("more", "")], required=False)
    scope = forms.ChoiceField(choices=SeriesScope.choices, required=False)  # of a series: which visits
    several = forms.CharField(max_length=60_000, required=False)  # what they were before (several.py)

    def changes(self) -> dict[str, Any]:
        """Return them as the service names them. A day and a time are local to where the visit is."""
        given = self.validated_data
        changes: dict[str, Any] = {}
        if given["start"]:
            changes["date"] = given["start"]
        elif given["day"] and given["time"]:
            changes["date"] = datetime.combine(given["day"], given["time"])
        if given["doctor"]:
            changes["doctor_id"] = given["doctor"]
        if "room" in self.data:
            changes["room_id"] = given["room"]
        if given["minutes"]:
            changes["minutes"] = given["minutes"]
        if given["status"]:
            changes["status"] = given["status"]
        if given["cancel_reason"]:
            changes["cancel_reason"] = given["cancel_reason"]
        return changes


class ActionForm(CheckedForm):
    """What happened to a visit. `version` is how the page shows it."""

    action = forms.ChoiceField(choices=[(action.value, action.value) for action in STATUS_ACTIONS])
    version = forms.IntegerField(min_value=1)


class SearchForm(CheckedForm):
    q = forms.CharField(max_length=200, required=False)


class NextForm(CheckedForm):
    type = forms.UUIDField(required=False)
    doctor = forms.UUIDField(required=False)
    office = forms.UUIDField(required=False)


class WaitingForm(CheckedForm):
    """What would suit somebody on the waiting list. Without doctors, weekdays, days or times any will do."""

    patient = forms.UUIDField(required=False)
    entry = forms.UUIDField(required=False)
    type = forms.UUIDField(required=False)
    weekdays = forms.MultipleChoiceField(choices=[(str(day), day) for day in range(7)], required=False)
    first_day = DayField(label=_("From"))
    last_day = DayField(label=_("Until"))
    earliest = TypedTimeField(required=False, label=_("Not before"))
    latest = TypedTimeField(required=False, label=_("Over by"))
    priority = forms.TypedChoiceField(choices=Priority.choices, coerce=int, required=False, empty_value=None)
    note = forms.CharField(max_length=2000, required=False, validators=READABLE, label=_("Note"))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not (cleaned.get("patient") or cleaned.get("entry") or self.errors):
            self.add_error("patient", self.fields["patient"].error_messages["required"])
        return cleaned

    @property
    def sent(self) -> QueryDict:
        return cast("QueryDict", self.data)

    def wishes(self) -> dict[str, Any]:
        """Return them as the service names them."""
        given = self.validated_data
        kept = ("first_day", "last_day", "earliest", "latest", "note")
        return {
            **{name: given[name] for name in kept},
            "type_id": given["type"],
            "priority": given["priority"] or Priority.NORMAL,
            "weekdays": [int(day) for day in given["weekdays"]],
            "doctor_ids": [UUID(one) for one in self.sent.getlist("doctors") if as_uuid(one)],
        }


class OfferForm(CheckedForm):
    """A free time that is offered to somebody who waits, or an offer that is accepted or taken back."""

    entry = forms.UUIDField()
    offer = forms.UUIDField(required=False)
    doctor = forms.UUIDField()
    start = IsoDateTimeField()
    hold = forms.UUIDField(required=False)


class HoldForm(CheckedForm):
    hold = forms.UUIDField(required=False)
