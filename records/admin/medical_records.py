"""The clinical record: doctors write it through the API, and the admin site shows it."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from core.admin.base import Access, P, current_user
from core.encryption.fields import unreadable_marked
from core.formats import format_datetime
from patients.admin.encounters import EncounterAdmin, PatientFilter
from records.models import MedicalRecord
from records.models.entry import Amendable
from records.versions import services as versions
from records.versions.diff_labels import labelled_versions


class ClinicalAdmin(EncounterAdmin):
    """Base of the admins of what is written in a chart. Nothing from a closed chart is shown."""

    list_filter: tuple[Any, ...] = (PatientFilter,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(current_user(request))

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Do not share the count between people: what each may see differs."""
        paginator = super().get_paginator(request, *args, **kwargs)
        paginator.cache_key = None
        return paginator

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        entry = context.get("original")
        if isinstance(entry, Amendable):
            with unreadable_marked():
                context["versions"] = labelled_versions(versions.list_versions(entry))
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("Patient"))
    def chart_link(self, row: Any) -> SafeString:
        return link_to(row.patient, row.patient.name)

    @admin.display(description=_("Date"), ordering="date")
    def when(self, row: Any) -> str:
        return format_datetime(row.date)


def link_to(row: Any, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', page_of(row), text)


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@admin.register(MedicalRecord)
class RecordAdmin(ClinicalAdmin):
    empty_hint = _("Doctors write records on the page of a chart.")
    begins_at = (("admin:patients_patient_changelist", _("Patients")),)
    access = Access(P.READ_RECORDS, delete=P.DELETE_CLINICAL)
    ordering = ("-date", "-id")
    list_display = ("date", "patient_name", "doctor_name", "has_prescription")
    fields = (
        "when",
        "chart_link",
        "doctor_name",
        "diagnosis",
        "prescription",
        "print_prescription",
        "notes",
        "attachment_names",
    )
    readonly_fields = fields
    change_form_outer_after_template = "admin/records/versions.html"

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        if not request.GET.keys() - {"p", "o"}:
            paginator.count = MedicalRecord.objects.total_for(current_user(request))
        return paginator

    @admin.display(description="")
    def print_prescription(self, record: MedicalRecord) -> SafeString | str:
        if not record.has_prescription:
            return ""
        address = reverse("prescription", args=[record.pk])
        return format_html('<a href="{}" download>{}</a>', address, gettext("Print the prescription"))

    @admin.display(description=_("Attachments"))
    def attachment_names(self, record: MedicalRecord) -> SafeString:
        return format_html_join("\n", "<div>{}</div>", ((name,) for name in record.attachments))
