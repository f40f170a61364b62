"""Finalised session notes: drafts are only for those who write them, and are not shown here."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from core.admin.base import Access, P
from core.formats import format_local_datetime
from records.admin.medical_records import ClinicalAdmin, link_to
from records.models import SessionNote
from records.models.note import SECTIONS


@admin.register(SessionNote)
class NoteAdmin(ClinicalAdmin):
    empty_hint = _("Notes are written from a doctor's day or the page of a chart.")
    begins_at = (("my-day", _("My day")), ("admin:patients_patient_changelist", _("Patients")))
    access = Access(P.READ_RECORDS, delete=P.DELETE_CLINICAL)
    ordering = ("-date", "-id")
    list_display = ("when", "patient_name", "doctor_name", "status")
    fieldsets = (
        (
            _("Session"),
            {"fields": ("when", "chart_link", "doctor_name", "minutes", "appointment_link", "plan_link", "status")},
        ),
        (_("Note"), {"fields": SECTIONS}),
    )
    readonly_fields = (*fieldsets[0][1]["fields"], *SECTIONS)
    change_form_outer_after_template = "admin/records/versions.html"

    @admin.display(description=_("Minutes"))
    def minutes(self, note: SessionNote) -> int | None:
        return note.duration_minutes

    @admin.display(description=_("Appointment"))
    def appointment_link(self, note: SessionNote) -> SafeString | None:
        booked = note.appointment
        if booked is None or booked.deletion_id is not None:
            return None
        return link_to(booked, format_local_datetime(booked, booked.starts_at))

    @admin.display(description=_("Plan of care"))
    def plan_link(self, note: SessionNote) -> SafeString | None:
        plan = note.plan_of_care
        return link_to(plan, plan.title) if plan and plan.deletion_id is None else None
