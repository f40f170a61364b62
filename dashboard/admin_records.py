"""Medical records: doctors write them through the API, and the admin site shows them."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from dashboard.admin_calendar import WithPeople
from records.models import MedicalRecord


class RecordAdmin(WithPeople):
    ordering = ("-date", "-id")
    list_display = ("date", "patient_name", "doctor_name", "has_prescription")
    fields = ("date", "patient_name", "doctor_name", "diagnosis", "prescription", "notes", "attachment_names")
    readonly_fields = fields

    @admin.display(description="Attachments")
    def attachment_names(self, record: MedicalRecord) -> SafeString:
        return format_html_join("\n", "<div>{}</div>", ((name,) for name in record.attachments))
