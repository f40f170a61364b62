"""Session notes, once they are finalised: a draft is shown to doctors alone, and these do not come here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString

from dashboard.admin_records import ClinicalAdmin, link_to, moment
from records.models import SessionNote
from records.models.note import SECTIONS, Status


class NoteAdmin(ClinicalAdmin):
    ordering = ("-date", "-id")
    list_display = ("when", "patient_name", "doctor_name", "status")
    fieldsets = (
        (
            "Session",
            {"fields": ("when", "chart_link", "doctor_name", "minutes", "appointment_link", "plan_link", "status")},
        ),
        ("Note", {"fields": SECTIONS}),
    )
    readonly_fields = (*fieldsets[0][1]["fields"], *SECTIONS)
    change_form_outer_after_template = "admin/records/versions.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        notes = super().get_queryset(request).exclude(status=Status.DRAFT)
        return notes.select_related("appointment__office", "appointment__practice", "plan_of_care")

    @admin.display(description="Minutes")
    def minutes(self, note: SessionNote) -> int | None:
        return note.duration_minutes

    @admin.display(description="Appointment")
    def appointment_link(self, note: SessionNote) -> SafeString | None:
        booked = note.appointment
        return link_to(booked, moment(booked.starts_at)) if booked and booked.deletion_id is None else None

    @admin.display(description="Plan of care")
    def plan_link(self, note: SessionNote) -> SafeString | None:
        plan = note.plan_of_care
        return link_to(plan, plan.title) if plan and plan.deletion_id is None else None
