"""The clinical record: doctors write it through the API, and the admin site shows it."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core.encryption.fields import unreadable_marked
from dashboard.admin_base import acting
from dashboard.admin_calendar import WithPeople
from dashboard.moments import moment
from dashboard.version_words import told
from patients.models import Patient
from records import versions
from records.models import MedicalRecord
from records.models.entry import Amendable


class PatientFilter(SimpleListFilter):
    """One patient's, as the chart's page leads to them. It is offered where it is in use alone: to find a patient is
    what the search is for."""

    title = "patient"
    parameter_name = "patient"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chart = Patient.objects.visible_to(acting(request)).only("name").filter(pk=self._asked()).first()
        if chart is None:
            return []
        with unreadable_marked():
            return [(str(chart.pk), chart.name)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(patient_id=self._asked())

    def _asked(self) -> UUID | None:
        try:
            return UUID(self.value() or "")
        except ValueError:
            return None


class ClinicalAdmin(WithPeople):
    """What is written into a chart. Nothing of a closed chart is shown."""

    list_filter: tuple[Any, ...] = (PatientFilter,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(acting(request))

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What one person may see of it is not the practice's number, which all would share."""
        paginator = super().get_paginator(request, *args, **kwargs)
        paginator.remember_as = None
        return paginator

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        entry = context.get("original")
        if isinstance(entry, Amendable):
            with unreadable_marked():
                context["kept"] = told(versions.listed(entry))
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="Patient")
    def chart_link(self, row: Any) -> SafeString:
        return link_to(row.patient, row.patient.name)

    @admin.display(description="Date", ordering="date")
    def when(self, row: Any) -> str:
        return moment(row.date)


def link_to(row: Any, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', page_of(row), text)


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


class RecordAdmin(ClinicalAdmin):
    ordering = ("-date", "-id")
    list_display = ("date", "patient_name", "doctor_name", "has_prescription")
    fields = ("when", "chart_link", "doctor_name", "diagnosis", "prescription", "notes", "attachment_names")
    readonly_fields = fields
    change_form_outer_after_template = "admin/records/versions.html"

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        if not request.GET.keys() - {"p", "o"}:
            paginator.count = MedicalRecord.objects.total_for(acting(request))
        return paginator

    @admin.display(description="Attachments")
    def attachment_names(self, record: MedicalRecord) -> SafeString:
        return format_html_join("\n", "<div>{}</div>", ((name,) for name in record.attachments))
