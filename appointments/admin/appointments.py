"""Appointments.

Times are typed and shown in the local time of the office, so nobody has to convert them. The name of the time zone is
shown where it differs from the practice's.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments import services
from appointments.calendar.links import day_address
from appointments.models import Appointment, EventKind, Room
from appointments.visits.machine import VisitState, state_of
from core.admin.base import Access, P, ServiceForm, current_user
from core.admin.times import TypedDateTimeField
from core.encryption.fields import unreadable_marked
from core.formats import format_day, format_local_datetime, zone_label
from core.typed import EARLIEST_DAY, LATEST_DAY
from patients.admin.encounters import EncounterAdmin
from patients.admin.filters import DaysFilter
from practices.models import Office
from practices.services import current_practice

SAID_BY_STATUS = (VisitState.BOOKED, VisitState.FINISHED, VisitState.CANCELLED)


class WhenFilter(SimpleListFilter):
    """Days in the practice's time zone."""

    title = _("date")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices. A day that is named, such as that of a new booking, is one while it is picked."""
        named = [(str(day), format_day(day))] if (day := _named_day(self.value())) else []
        words = [
            ("today", gettext("Today")),
            ("tomorrow", gettext("Tomorrow")),
            ("coming", gettext("Today and later")),
            ("past", gettext("Before today")),
        ]
        return [*named, *words]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        practice = current_practice()
        day = _named_day(self.value()) or practice.today() + timedelta(days=self.value() == "tomorrow")
        start, end = practice.day_bounds(day)
        if self.value() == "past":
            return queryset.filter(starts_at__lt=start)
        coming = queryset.filter(starts_at__gte=start)
        return coming if self.value() == "coming" else coming.filter(starts_at__lt=end)


def _named_day(value: str | None) -> date | None:
    try:
        day = date.fromisoformat(value or "")
    except ValueError:
        return None
    return day if EARLIEST_DAY <= day <= LATEST_DAY else None


class VisitDaysFilter(DaysFilter):
    column = "starts_at"


class CameFilter(SimpleListFilter):
    """Shows those to whom the patient didn't come."""

    title = _("patient came")
    parameter_name = "came"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", gettext("No-show")), ("not-no", gettext("No no-show"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        if self.value() == "no":
            return queryset.filter(no_show_at__isnull=False)
        return queryset.filter(no_show_at=None) if self.value() == "not-no" else queryset


class DoctorFilter(SimpleListFilter):
    title = _("doctor")
    parameter_name = "doctor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        with unreadable_marked():
            return [(str(doctor.pk), doctor.name) for doctor in User.objects.doctors().order_by("id")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        selected = self.value()
        if selected is None or selected not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(doctor_id=UUID(selected))


class OfficeFilter(SimpleListFilter):
    title = _("office")
    parameter_name = "office"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(office.pk), office.name) for office in Office.objects.order_by("name", "id")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        selected = self.value()
        if selected is None or selected not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(office_id=UUID(selected))


class LocalTimeField(TypedDateTimeField):
    """The typed time without a time zone; the office determines which one is meant (appointments/services.py)."""

    def compress(self, data_list: Any) -> datetime | None:
        with timezone.override(UTC):  # UTC has no gap when clocks go forward
            moment: datetime | None = super().compress(data_list)
        return moment and moment.replace(tzinfo=None)


class AppointmentForm(ServiceForm):
    form_field_names: ClassVar = {"date": "starts_at", "office_id": "office", "roomId": "room"}

    allow_overlap = forms.BooleanField(
        label=_("Book even if the patient has another appointment at this time"), required=False
    )
    allow_past = forms.BooleanField(label=_("The visit took place before today"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "starts_at" in self.fields:
            self.fields["starts_at"].help_text = _time_zone_help()
            if not self.instance._state.adding:
                self.initial["starts_at"] = timezone.make_naive(self.instance.starts_at, self.instance.tzinfo)

        if "room" in self.fields:
            field: Any = self.fields["room"]
            usable = Room.objects.filter(is_active=True) | Room.objects.filter(pk=self.instance.room_id)
            field.queryset = usable.select_related("office").order_by("office__name", "name", "id")
            field.label_from_instance = lambda room: f"{room.name} ({room.office.name})"

    def row_version(self) -> str:
        """Include the time zone that the form shows: if it changes while the form is open, the submitted time would
        mean another moment."""
        return f"{super().row_version()}|{self.instance.tzinfo.key}"


def _time_zone_help() -> str:
    """Return the help text that says which local time is meant; empty if all offices share a time zone."""
    here = current_practice()
    others = Office.objects.exclude(timezone__in=("", here.timezone)).order_by("name", "id")
    each = gettext("%(zone)s for %(office)s")
    zones = [each % {"zone": zone_label(office.tzinfo), "office": office.name} for office in others]
    if not zones:
        return ""
    sentence = gettext("The office's local time: %(zones)s, otherwise %(usual)s.")
    return sentence % {"zones": ", ".join(zones), "usual": zone_label(here.tzinfo)}


def _clocks_differ(row: Appointment) -> bool:
    """Return whether the appointment's new place shows another local time at its moment than its old place did.

    If they agree, the moment must not change: in an hour that occurs twice, the local time alone would mean the
    first."""
    before = Appointment.objects.with_offices().get(pk=row.pk)
    moment = before.starts_at
    return timezone.make_naive(moment, row.tzinfo) != timezone.make_naive(moment, before.tzinfo)


@admin.register(Appointment)
class AppointmentAdmin(EncounterAdmin):
    empty_hint = _("Book a visit in the calendar.")
    begins_at = (("calendar", _("Open the calendar")),)
    access = Access(
        P.READ_APPOINTMENT_TEXT,
        add=P.BOOK_IN_ADMIN_SITE,
        change=P.CHANGE_APPOINTMENTS,
        delete=P.DELETE_APPOINTMENTS,
    )

    form = AppointmentForm
    ordering = ("-starts_at", "-id")
    list_display = ("starts", "patient_name", "doctor_name", "office", "status", "happened")
    list_filter = (WhenFilter, "status", CameFilter, DoctorFilter, OfficeFilter, VisitDaysFilter)
    autocomplete_fields = ("patient",)
    list_before_template = "admin/open_calendar.html"
    change_form_outer_before_template = "admin/appointments/appointment/open_day.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_offices()

    def get_fields(self, request: HttpRequest, obj: Appointment | None = None) -> list[str]:
        if obj is None:
            return [
                "patient",
                "doctor",
                "office",
                "room",
                "starts_at",
                "allow_past",
                "allow_overlap",
                "reason",
                "notes",
            ]
        may_change = self.has_change_permission(request, obj)
        starts = ["starts_at", "allow_past", "allow_overlap"] if may_change else ["starts"]
        if obj.patient.is_closed:
            return ["patient_name", "doctor_name", "office", "room", *starts, "ends", "status", "withheld"]
        return ["patient_name", "doctor_name", "reason", "office", "room", *starts, "ends", "status", "notes"]

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        return ("patient_name", "doctor_name", "reason", "starts", "ends", "withheld") if obj else ()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row = context.get("original")
        context["calendar_day"] = row and day_address(row)
        return super().render_change_form(request, context, *args, **kwargs)

    def describe_briefly(self, row: Appointment) -> str:
        return format_local_datetime(row, row.starts_at)

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """List a day, and what is to come, from the morning on."""
        return self.ordering if request.GET.get("when", "past") == "past" else ("starts_at", "id")

    def response_post_save_add(self, request: HttpRequest, obj: Appointment) -> HttpResponse:
        return self._day_of(obj)

    def response_post_save_change(self, request: HttpRequest, obj: Appointment) -> HttpResponse:
        return self._day_of(obj)

    def _day_of(self, row: Appointment) -> HttpResponse:
        """Redirect to the list of the appointment's day."""
        day = timezone.localtime(row.starts_at).date()
        return redirect(f"{reverse('admin:appointments_appointment_changelist')}?when={day}")

    @admin.display(description=_("Starts at"), ordering="starts_at")
    def starts(self, row: Appointment) -> str:
        return format_local_datetime(row, row.starts_at)

    @admin.display(description=_("What happened"))
    def happened(self, row: Appointment) -> str:
        """Return what the status does not say."""
        state = state_of(row)
        return "" if state in SAID_BY_STATUS else str(EventKind(state).label)

    @admin.display(description=_("Ends at"))
    def ends(self, row: Appointment) -> str:
        return format_local_datetime(row, row.ends_at)

    @admin.display(description=_("Reason and notes"))
    def withheld(self, row: Appointment) -> str:
        return gettext("Hidden: the chart is restricted.")

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "starts_at":
            kwargs["form_class"] = LocalTimeField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "doctor":
            kwargs["queryset"] = User.objects.doctors().order_by("id")
        if db_field.name == "office":
            kwargs["queryset"] = Office.objects.order_by("name", "id")
            kwargs["help_text"] = gettext("If blank, the doctor's own office is used.")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Appointment:
        return services.book(
            by=current_user(request),
            patient_id=values["patient"].pk,
            doctor_id=values["doctor"].pk,
            date=values["starts_at"],
            reason=values["reason"],
            notes=values["notes"],
            office_id=values["office"].pk if values["office"] else None,
            room_id=values["room"].pk if values["room"] else None,
            allow_overlap=values["allow_overlap"],
            allow_past=values["allow_past"],
        )

    def change(self, request: HttpRequest, row: Appointment, values: dict[str, Any]) -> Appointment:
        if "starts_at" in values or ("office" in values and _clocks_differ(row)):
            values.pop("starts_at", None)
            values["date"] = row.starts_at  # keep the local time shown in the form, also at another office
        for name in {"office", "room"} & values.keys():
            chosen = values.pop(name)
            values[f"{name}_id"] = chosen.pk if chosen else None
        return services.change(by=current_user(request), appointment_id=row.pk, expected=row.version, **values)
