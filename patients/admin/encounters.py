"""The base of admins whose rows belong to a patient, and access to the charts behind the rows of any admin page."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import Model, QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import User, attach_charts
from core.admin.access_log import rows_read
from core.admin.base import current_user
from core.encryption.fields import unreadable_marked
from patients.admin.base import DeletableAdmin
from patients.models import Patient
from patients.restriction.services import emergency_details, resolve_access
from patients.search import search_charts


@receiver(rows_read)
def resolve_chart_access(*, user: User, rows: list[Model], **kwargs: Any) -> dict[str, Any]:
    """Resolve the user's access to the rows' charts and attach charts to patients' accounts. Return details for the
    audit trail: the emergency accesses that were used."""
    charts = [row if isinstance(row, Patient) else getattr(row, "patient", None) for row in rows]
    attach_charts(row for row in rows if isinstance(row, User))
    return emergency_details(resolve_access(user, [chart for chart in charts if chart is not None]))


class PatientFilter(SimpleListFilter):
    """Filter by one patient, as linked from the chart's page. Shown only while in use; the search finds patients."""

    title = _("patient")
    parameter_name = "patient"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chart = Patient.objects.visible_to(current_user(request)).only("name").filter(pk=self._patient_id()).first()
        if chart is None:
            return []
        with unreadable_marked():
            return [(str(chart.pk), chart.name)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(patient_id=self._patient_id())

    def _patient_id(self) -> UUID | None:
        try:
            return UUID(self.value() or "")
        except ValueError:
            return None


class EncounterAdmin(DeletableAdmin):
    """An admin of rows that belong to a patient and a doctor; searches by patient."""

    search_fields = ("patient",)
    search_help_text = _("The patient's name, email, phone or date of birth")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_people()

    def search(self, queryset: Any, term: str) -> Any:
        hits = search_charts(Patient.objects.all(), term)
        return queryset.filter(patient_id__in=hits if isinstance(hits, list) else hits.order_by().values("pk"))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            resolve_access(current_user(request), [row.patient])
        return row

    @admin.display(description=_("Patient"))
    def patient_name(self, row: Any) -> str:
        return str(row.patient.name)

    @admin.display(description=_("Doctor"))
    def doctor_name(self, row: Any) -> str:
        return str(row.doctor.name)
