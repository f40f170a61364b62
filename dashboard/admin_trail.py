"""The audit trail as the office manager reads it: who did what, when, from where, in names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from accounts.models import User
from accounts.roles import Permission, Role
from appointments.models import Appointment
from appointments.serializers import EARLIEST_DAY, LATEST_DAY
from audit import reading
from audit.events import Kind, Outcome
from audit.models import Event
from core.encryption.fields import unreadable_marked
from core.tenancy import current_practice_id
from dashboard.admin_base import acting
from dashboard.admin_reads import shows
from dashboard.trail import Entry, entries
from dashboard.trail_words import in_words
from patients.models import Patient

EVENTS_SHOWN, PATIENTS_SHOWN = 25, 5  # on a page; of each event


class DayField(forms.DateField):
    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "date", "class": " ".join(INPUT_CLASSES), "min": str(EARLIEST_DAY), "max": str(LATEST_DAY)}
        super().__init__(required=False, widget=forms.DateInput(attrs=attrs, format="%Y-%m-%d"), **kwargs)

    def clean(self, value: Any) -> date | None:
        day: date | None = super().clean(value)
        if day is not None and not EARLIEST_DAY <= day <= LATEST_DAY:
            raise forms.ValidationError("This is no day of a calendar in use.")
        return day


class PatientWidget(AutocompleteSelect):
    """Django's, which asks the database for whatever the address gives."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        return super().optgroups(name, [given for given in value if _as_uuid(given)], attrs)


class PatientField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        with unreadable_marked():
            return str(obj.name)


class TrailForm(forms.Form):
    """The filters, in the address of the page."""

    patient = PatientField(
        queryset=None,
        required=False,
        widget=PatientWidget(Appointment._meta.get_field("patient"), admin.site, attrs={"data-width": "100%"}),
    )
    user = forms.ChoiceField(required=False, label="Who", widget=UnfoldAdminSelectWidget)
    event = forms.ChoiceField(choices=[("", "Any"), *Kind.choices], required=False, widget=UnfoldAdminSelectWidget)
    outcome = forms.ChoiceField(choices=[("", "Any"), *Outcome.choices], required=False, widget=UnfoldAdminSelectWidget)
    first = DayField(label="From")
    last = DayField(label="To", help_text="This day included.")
    cursor = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["patient"].queryset = Patient.objects.all()  # type: ignore[attr-defined]
        self.fields["user"].choices = [("", "Anybody"), *_people(self.data.get("user"))]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("first") and given.get("last") and given["first"] > given["last"]:
            self.add_error("last", "This day is before the first.")
        return given

    def wanted(self) -> reading.Wanted:
        given = self.cleaned_data
        first, last = given["first"], given["last"]
        return reading.Wanted(
            practice_id=current_practice_id(),
            patient=given["patient"] and given["patient"].pk,
            user=UUID(given["user"]) if given["user"] else None,
            event=given["event"] or None,
            outcome=given["outcome"] or None,
            start=_midnight(first) if first else None,
            end=_midnight(last + timedelta(days=1)) if last else None,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the page. Of very many patients the first ones are named."""

    entry: Entry
    patients: list[tuple[UUID, Patient | None]]
    more_patients: int

    @property
    def who(self) -> str:
        event, person = self.entry
        if person is not None:
            return person.name
        if event.user_id is None:
            return reading.email_of(event) or "Nobody signed in"
        return f"{self.role or 'Somebody'} {str(event.user_id)[-6:]}"

    @property
    def role(self) -> str:
        role = self.entry.event.role
        return str(Role(role).label) if role in Role else role

    @property
    def outcome(self) -> str:
        return str(Outcome(self.entry.event.outcome).label)

    @property
    def words(self) -> str:
        return "; ".join(in_words(self.entry.event))

    @property
    def as_stored(self) -> list[tuple[str, str]]:
        """All that the trail holds beside that, for who looks closer."""
        event = self.entry.event
        told: dict[str, Any] = orjson.loads(event.details)
        known = {"event": event.kind, "about": event.about, "id": event.about_id, **told, "browser": event.agent}
        known["request"] = event.request_id
        return [
            (name.replace("_", " "), _in_words(value))
            for name, value in known.items()
            if value not in ([], {}, "", None)
        ]


def may_read(request: HttpRequest) -> bool:
    return acting(request).can(Permission.READ_TRAIL)


@require_safe
def trail_page(request: HttpRequest) -> HttpResponse:
    if not may_read(request):
        raise PermissionDenied
    form = TrailForm(request.GET)
    lines, following = _lines(request, form)
    context = {
        **admin.site.each_context(request),
        "title": "Audit trail",
        "form": form,
        "media": form.media,
        "lines": lines,
        "older": _address(request, cursor=following) if following else None,
        "newest": _address(request, cursor=None) if request.GET.get("cursor") else None,
    }
    return TemplateResponse(request, "admin/trail.html", context)


def _lines(request: HttpRequest, form: TrailForm) -> tuple[list[Line], UUID | None]:
    """What the page shows and where the next begins; nothing while the filters are none. The trail is told."""
    events: list[Event] = []
    following, filters = None, {}
    if form.is_valid():
        wanted = form.wanted()
        filters = wanted.told()
        try:
            events, following = reading.page(wanted, after=form.cleaned_data["cursor"], limit=EVENTS_SHOWN)
        except reading.NoSuchPlace:
            form.add_error(None, "This page is of another list. Filter again to begin with the newest.")
    named = {event.pk: _patients_of(event, first=filters.get("patient")) for event in events}
    ids = {patient for patients in named.values() for patient in patients[:PATIENTS_SHOWN]}
    charts = {chart.pk: chart for chart in Patient.objects.filter(pk__in=ids).only("name", "restricted")}
    shows(request, charts.values(), about=Event._meta.label, kind=Kind.TRAIL_READ, filters=filters, hits=len(events))
    return [_line(entry, named[entry.event.pk], charts) for entry in entries(events)], following


def _line(entry: Entry, patients: list[UUID], charts: dict[UUID, Patient]) -> Line:
    shown = [(patient, charts.get(patient)) for patient in patients[:PATIENTS_SHOWN]]
    return Line(entry, shown, len(patients) - len(shown))


def _patients_of(event: Event, *, first: UUID | None) -> list[UUID]:
    """In the order in which they were shown, but the one asked for before the others."""
    patients = [UUID(patient) for patient in orjson.loads(event.patients)]
    return sorted(patients, key=lambda patient: patient != first)


def _people(picked: str | None) -> list[tuple[str, str]]:
    """Who works here, by name, and whoever is picked: a patient, or somebody who is gone."""
    with unreadable_marked():
        people = {str(person.pk): person.name for person in User.objects.exclude(role=Role.PATIENT).only("name")}
        if picked and picked not in people and (picked_id := _as_uuid(picked)):
            person = User.objects.filter(pk=picked_id).only("name").first()
            people[picked] = person.name if person else f"Somebody {picked[-6:]}"
    return sorted(people.items(), key=lambda item: item[1].casefold())


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    """In the time zone of the page, the practice's."""
    return datetime.combine(day, time.min, timezone.get_current_timezone())


def _address(request: HttpRequest, *, cursor: UUID | None) -> str:
    """This page's filters, beginning elsewhere."""
    query = request.GET.copy()
    query.pop("cursor", None)
    if cursor is not None:
        query["cursor"] = str(cursor)
    return f"?{query.urlencode()}"


def _in_words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_in_words, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_in_words(inner)}" for name, inner in value.items())
    return str(value)
