"""The Audit trail page of the admin site: who did what, when and from where, with names."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

import orjson
from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from unfold.widgets import INPUT_CLASSES, UnfoldAdminSelectWidget

from accounts.models import User
from accounts.roles import Role
from appointments.models import Appointment
from audit import queries
from audit.events import AuditEvent, Outcome
from audit.models import Event
from audit_review.entries import Entry, entries
from audit_review.rows import TrailRow
from core.admin.access_log import log_page_read
from core.admin.export import file_name
from core.admin.needs import needs
from core.csv_files import csv_response, in_this_context
from core.encryption.fields import unreadable_marked
from core.permissions import Permission
from core.tenancy.scope import current_practice_id
from core.typed import EARLIEST_DAY, LATEST_DAY, TypedDateField
from patients.models import Patient

EVENTS_PER_PAGE, PATIENTS_PER_EVENT, EVENTS_PER_PART = 25, 5, 500


class DayField(TypedDateField):
    def __init__(self, **kwargs: Any) -> None:
        attrs = {"type": "date", "class": " ".join(INPUT_CLASSES), "min": str(EARLIEST_DAY), "max": str(LATEST_DAY)}
        super().__init__(required=False, widget=forms.DateInput(attrs=attrs, format="%Y-%m-%d"), **kwargs)


class PatientWidget(AutocompleteSelect):
    """Django's widget, which queries the database for whatever value the address gives; keep it to valid ids."""

    def optgroups(self, name: str, value: Sequence[str], attrs: Any = None) -> Any:
        return super().optgroups(name, [selected for selected in value if _as_uuid(selected)], attrs)


class PatientField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return str(admin.site.get_model_admin(Patient).get_choice_label(obj))  # type: ignore[attr-defined]


class TrailForm(forms.Form):
    """The filters, taken from the page's query string."""

    patient = PatientField(
        label=_("Patient"),
        queryset=None,
        required=False,
        widget=PatientWidget(Appointment._meta.get_field("patient"), admin.site, attrs={"data-width": "100%"}),
    )
    user = forms.ChoiceField(required=False, label=_("Who"), widget=UnfoldAdminSelectWidget)
    event = forms.ChoiceField(
        label=_("Event"), choices=[("", _("Any")), *AuditEvent.choices], required=False, widget=UnfoldAdminSelectWidget
    )
    outcome = forms.ChoiceField(
        label=_("Outcome"), choices=[("", _("Any")), *Outcome.choices], required=False, widget=UnfoldAdminSelectWidget
    )
    first = DayField(label=_("From"))
    last = DayField(label=_("To"), help_text=_("Includes this day."))
    cursor = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["patient"].queryset = Patient.objects.all()  # type: ignore[attr-defined]
        self.fields["user"].choices = [("", gettext("Anyone")), *_people(self.data.get("user"))]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("first") and cleaned.get("last") and cleaned["first"] > cleaned["last"]:
            self.add_error("last", gettext("The end date is before the start date."))
        return cleaned

    def event_filter(self) -> queries.EventFilter:
        cleaned = self.cleaned_data
        first, last = cleaned["first"], cleaned["last"]
        return queries.EventFilter(
            practice_id=current_practice_id(),
            patient=cleaned["patient"] and cleaned["patient"].pk,
            user=UUID(cleaned["user"]) if cleaned["user"] else None,
            event=cleaned["event"] or None,
            outcome=cleaned["outcome"] or None,
            start=_midnight(first) if first else None,
            end=_midnight(last + timedelta(days=1)) if last else None,
        )


@require_safe
@needs(Permission.READ_TRAIL)
def trail_page(request: HttpRequest) -> HttpResponse:
    form = TrailForm(request.GET)
    rows, next_cursor = _rows(request, form)
    context = {
        **admin.site.each_context(request),
        "title": gettext("Audit trail"),
        "form": form,
        "media": form.media,
        "rows": rows,
        "export": f"{reverse('admin:trail_export')}{_link(request, cursor=None)}",
        "older": _link(request, cursor=next_cursor) if next_cursor else None,
        "newest": _link(request, cursor=None) if request.GET.get("cursor") else None,
    }
    return TemplateResponse(request, "admin/trail.html", context)


@require_safe
@needs(Permission.READ_TRAIL)
def trail_export(request: HttpRequest) -> HttpResponseBase:
    """The events that the filters of the page choose, newest first, as a file."""
    form = TrailForm(request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('admin:trail')}?{request.GET.urlencode()}")
    event_filter = form.event_filter()
    log_page_read(
        request, [], about=Event._meta.label, kind=AuditEvent.LIST_EXPORTED, filters=event_filter.as_details()
    )
    header = [_("When"), _("Who"), _("Role"), _("What"), _("Outcome"), _("Details"), _("Patients"), _("Address")]
    rows = in_this_context(_exported(event_filter))
    return csv_response(file_name(gettext("Audit trail")), [*header, _("Device")], rows)


def _exported(event_filter: queries.EventFilter) -> Iterator[list[list[Any]]]:
    """Yield the events in parts; patients by their ids, so that the file names none of them."""
    cursor: UUID | None = None
    while True:
        events, cursor = queries.page(event_filter, after=cursor, limit=EVENTS_PER_PART)
        rows = [TrailRow(entry, [], 0) for entry in entries(events)]
        yield [
            [
                timezone.localtime(row.entry.event.at).isoformat(timespec="seconds"),  # evidence: no hour means two
                *(row.who, row.role, row.entry.label, row.outcome, row.description),
                " ".join(orjson.loads(row.entry.event.patients)),
                *(row.entry.event.address, row.entry.event.agent),
            ]
            for row in rows
        ]
        if cursor is None:
            return


def _rows(request: HttpRequest, form: TrailForm) -> tuple[list[TrailRow], UUID | None]:
    """Return the rows of the page and the cursor of the next; no rows while the filters are invalid.
    Log the read."""
    events: list[Event] = []
    next_cursor, filters = None, {}
    if form.is_valid():
        event_filter = form.event_filter()
        filters = event_filter.as_details()
        try:
            events, next_cursor = queries.page(event_filter, after=form.cleaned_data["cursor"], limit=EVENTS_PER_PAGE)
        except queries.InvalidCursor:
            form.add_error(None, gettext("This page belongs to a different list. Apply the filters again."))
    patients_of = {event.pk: _patients_of(event, first=filters.get("patient")) for event in events}
    ids = {patient for patients in patients_of.values() for patient in patients[:PATIENTS_PER_EVENT]}
    named = Patient.with_deleted.filter(pk__in=ids).only("name", "restricted", "deletion")
    charts = {chart.pk: chart for chart in named}
    picked = form.cleaned_data.get("patient")  # whom the filter shows with their date of birth and phone
    shown = {picked.pk: picked, **charts}.values() if picked else charts.values()
    log_page_read(
        request, shown, about=Event._meta.label, kind=AuditEvent.TRAIL_READ, filters=filters, hits=len(events)
    )
    return [_row(entry, patients_of[entry.event.pk], charts) for entry in entries(events)], next_cursor


def _row(entry: Entry, patients: list[UUID], charts: dict[UUID, Patient]) -> TrailRow:
    named = [(patient, charts.get(patient)) for patient in patients[:PATIENTS_PER_EVENT]]
    return TrailRow(entry, named, len(patients) - len(named))


def _patients_of(event: Event, *, first: UUID | None) -> list[UUID]:
    """Return the event's patients in stored order, except that `first`, the one filtered by, leads."""
    patients = [UUID(patient) for patient in orjson.loads(event.patients)]
    return sorted(patients, key=lambda patient: patient != first)


def _people(picked: str | None) -> list[tuple[str, str]]:
    """Return the staff by name as choices, plus the picked user, who may be a patient or no longer exist."""
    with unreadable_marked():
        people = {str(person.pk): person.name for person in User.objects.exclude(role=Role.PATIENT).only("name")}
        if picked and picked not in people and (picked_id := _as_uuid(picked)):
            person = User.objects.filter(pk=picked_id).only("name").first()
            people[picked] = person.name if person else f"{gettext('Unknown user')} {picked[-6:]}"
    return sorted(people.items(), key=lambda item: item[1].casefold())


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    """Return the start of the day in the current time zone, the practice's."""
    return datetime.combine(day, time.min, timezone.get_current_timezone())


def _link(request: HttpRequest, *, cursor: UUID | None) -> str:
    """Return a link that keeps the page's filters and starts at another cursor."""
    query = request.GET.copy()
    query.pop("cursor", None)
    if cursor is not None:
        query["cursor"] = str(cursor)
    return f"?{query.urlencode()}"
