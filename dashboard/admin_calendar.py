"""Appointments."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import ForeignKey, QuerySet
from django.http import HttpRequest

from accounts.models import User
from appointments import services
from appointments.models import Appointment
from core.encryption.fields import unreadable_marked
from dashboard.admin_base import PracticeModelAdmin, ServiceForm, acting
from patients.models import Patient
from patients.restriction import open_for
from patients.search import find
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


class AppointmentForm(ServiceForm):
    named_here: ClassVar = {"date": "starts_at"}


class WithPeople(PracticeModelAdmin):
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


class AppointmentAdmin(WithPeople):
    form = AppointmentForm
    ordering = ("-starts_at", "-id")
    list_display = ("starts_at", "patient_name", "doctor_name", "status")
    list_filter = (WhenFilter, "status", DoctorFilter)
    autocomplete_fields = ("patient",)

    def get_fields(self, request: HttpRequest, obj: Appointment | None = None) -> list[str]:
        if obj is None:
            return ["patient", "doctor", "starts_at", "reason", "notes"]
        if obj.patient.is_closed:
            return ["patient_name", "doctor_name", "starts_at", "ends_at", "status", "withheld"]
        return ["patient_name", "doctor_name", "reason", "starts_at", "ends_at", "status", "notes"]

    def get_readonly_fields(self, request: HttpRequest, obj: Appointment | None = None) -> tuple[str, ...]:
        return ("patient_name", "doctor_name", "reason", "ends_at", "withheld") if obj else ()

    @admin.display(description="Reason and notes")
    def withheld(self, row: Appointment) -> str:
        return "Withheld: the chart is restricted."

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "doctor":
            kwargs["queryset"] = User.objects.doctors().order_by("id")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Appointment:
        return services.book(
            by=acting(request),
            patient_id=values["patient"].pk,
            doctor_id=values["doctor"].pk,
            date=values["starts_at"],
            reason=values["reason"],
            notes=values["notes"],
        )

    def change(self, request: HttpRequest, row: Appointment, values: dict[str, Any]) -> Appointment:
        if "starts_at" in values:
            values["date"] = values.pop("starts_at")
        return services.change(by=acting(request), appointment_id=row.pk, **values)
