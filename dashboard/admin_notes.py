"""Session notes, once they are finalised: drafts are for those who write, and they do not come here."""

from django.contrib import admin
from django.utils.safestring import SafeString

from dashboard.admin_records import ClinicalAdmin, link_to
from dashboard.moments import in_local_time
from records.models import SessionNote
from records.models.note import SECTIONS


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

    @admin.display(description="Minutes")
    def minutes(self, note: SessionNote) -> int | None:
        return note.duration_minutes

    @admin.display(description="Appointment")
    def appointment_link(self, note: SessionNote) -> SafeString | None:
        booked = note.appointment
        if booked is None or booked.deletion_id is not None:
            return None
        return link_to(booked, in_local_time(booked, booked.starts_at))

    @admin.display(description="Plan of care")
    def plan_link(self, note: SessionNote) -> SafeString | None:
        plan = note.plan_of_care
        return link_to(plan, plan.title) if plan and plan.deletion_id is None else None
