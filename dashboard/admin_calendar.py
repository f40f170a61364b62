"""Appointments.

A time is the local one of where the appointment is, typed and shown: whoever books says "ten o'clock" with the office
in mind, and reckons nothing. Where that is not the practice's time zone, its name stands beside the time.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from appointments import services
from appointments.models import Appointment
from core.encryption.fields import unreadable_marked
from dashboard.admin_base import ServiceForm, acting
from dashboard.admin_deleted import DeletableAdmin
from dashboard.moments import in_local_time
from patients.models import Patient
from patients.restriction import open_for
from patients.search import find
from practices.models import Office
from practices.services import current_practice


class WhenFilter(SimpleListFilter):
    """Days of the practice's own calendar."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("today", "Today"), ("tomorrow", "Tomorrow"), ("coming", "From today on"), ("past", "Before today")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        if self.value() not in dict(self.lookup_choices):
            return queryset
        practice = current_practice()
        day = practice.today() + timedelta(days=self.value() == "tomorrow")
        start, end = practice.day_bounds(day)
        if self.value() == "past":
            return queryset.filter(starts_at__lt=start)
        coming = queryset.filter(starts_at__gte=start)
        return coming if self.value() == "coming" else coming.filter(starts_at__lt=end)


class DoctorFilter(SimpleListFilter):
    title = "doctor"
    parameter_name = "doctor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        with unreadable_marked():
            return [(str(doctor.pk), doctor.name) for doctor in User.objects.doctors().order_by("id")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        picked = self.value()
        if picked is None or picked not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(doctor_id=UUID(picked))


class OfficeFilter(SimpleListFilter):
    title = "office"
    parameter_name = "office"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(office.pk), office.name) for office in Office.objects.order_by("name", "id")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> QuerySet[Appointment]:
        picked = self.value()
        if picked is None or picked not in dict(self.lookup_choices):
            return queryset
        return queryset.filter(office_id=UUID(picked))


class LocalTimeField(forms.SplitDateTimeField):
    """What is typed, as it is: whose local time it means hangs on the office (appointments/services.py)."""

    def compress(self, data_list: Any) -> datetime | None:
        with timezone.override(UTC):  # where the clocks skip nothing
            moment: datetime | None = super().compress(data_list)
        return moment and moment.replace(tzinfo=None)


class AppointmentForm(ServiceForm):
    named_here: ClassVar = {"date": "starts_at", "office_id": "office"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "starts_at" in self.fields:
            self.fields["starts_at"].help_text = _zones()
            if not self.instance._state.adding:
                self.initial["starts_at"] = timezone.make_naive(self.instance.starts_at, self.instance.tzinfo)

    def row_version(self) -> str:
        """With the zone that its time is shown in: an office's, a doctor's or the practice's may change meanwhile, and
        the time sent back would mean another moment."""
        return f"{super().row_version()}|{self.instance.tzinfo.key}"


def _zones() -> str:
    """Which local time a form means; empty where there is one alone."""
    here = current_practice().timezone
    others = Office.objects.exclude(timezone__in=("", here)).order_by("name", "id")
    named = [f"{office.timezone} in {office.name}" for office in others]
    return f"The office's local time: {', '.join(named)}, {here} elsewhere." if named else ""


class WithPeople(DeletableAdmin):
    """Rows that name a patient and a doctor, and are searched by the patient."""

    search_fields = ("patient",)
    search_help_text = "The patient's name, email or phone"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_people()

    def search(self, queryset: Any, term: str) -> Any:
        hits = find(Patient.objects.all(), term)
        return queryset.filter(patient_id__in=hits if isinstance(hits, list) else hits.order_by().values("pk"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            open_for(acting(request), [row.patient])
        return row

    @admin.display(description="Patient")
    def patient_name(self, row: Any) -> str:
        return str(row.patient.name)

    @admin.display(description="Doctor")
    def doctor_name(self, row: Any) -> str:
        return str(row.doctor.name)


def _clocks_differ(row: Appointment) -> bool:
    """Whether the clocks where it is from now on show another time at its moment than those where it was. Where they
    show the same, the moment stays: of an hour that they show twice, the time alone would mean the first."""
    before = Appointment.objects.with_places().get(pk=row.pk)
    moment = before.starts_at
    return timezone.make_naive(moment, row.tzinfo) != timezone.make_naive(moment, before.tzinfo)


class AppointmentAdmin(WithPeople):
    form = AppointmentForm
    ordering = ("-starts_at", "-id")
    list_display = ("starts", "patient_name", "doctor_name", "office", "status")
    list_filter = (WhenFilter, "status", DoctorFilter, OfficeFilter)
    autocomplete_fields = ("patient",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_places()

    def get_fields(self, request: HttpRequest, obj: Appointment | None = None) -> list[str]:
        if obj is None:
            return ["patient", "doctor", "office", "starts_at", "reason", "notes"]
        starts = "starts_at" if self.has_change_permission(request, obj) else "starts"
        if obj.patient.is_closed:
            return ["patient_name", "doctor_name", "office", starts, "ends", "status", "withheld"]
        return ["patient_name", "doctor_name", "reason", "office", starts, "ends", "status", "notes"]

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        return ("patient_name", "doctor_name", "reason", "starts", "ends", "withheld") if obj else ()

    @admin.display(description="Starts at", ordering="starts_at")
    def starts(self, row: Appointment) -> str:
        return in_local_time(row, row.starts_at)

    @admin.display(description="Ends at")
    def ends(self, row: Appointment) -> str:
        return in_local_time(row, row.ends_at)

    @admin.display(description="Reason and notes")
    def withheld(self, row: Appointment) -> str:
        return "Withheld: the chart is restricted."

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "starts_at":
            kwargs["form_class"] = LocalTimeField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "doctor":
            kwargs["queryset"] = User.objects.doctors().order_by("id")
        if db_field.name == "office":
            kwargs["queryset"] = Office.objects.order_by("name", "id")
            kwargs["help_text"] = "Left empty, a new appointment is in the doctor's office."
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Appointment:
        return services.book(
            by=acting(request),
            patient_id=values["patient"].pk,
            doctor_id=values["doctor"].pk,
            date=values["starts_at"],
            reason=values["reason"],
            notes=values["notes"],
            office_id=values["office"].pk if values["office"] else None,
        )

    def change(self, request: HttpRequest, row: Appointment, values: dict[str, Any]) -> Appointment:
        if "starts_at" in values or ("office" in values and _clocks_differ(row)):
            values.pop("starts_at", None)
            values["date"] = row.starts_at  # what the form shows is meant, wherever it is from now on
        if "office" in values:
            office = values.pop("office")
            values["office_id"] = office.pk if office else None
        return services.change(by=acting(request), appointment_id=row.pk, **values)
