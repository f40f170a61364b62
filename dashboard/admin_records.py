"""Medical records: doctors write them through the API, and the admin site shows them."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from dashboard.admin_base import acting
from dashboard.admin_calendar import WithPeople
from records.models import MedicalRecord


class RecordAdmin(WithPeople):
    ordering = ("-date", "-id")
    list_display = ("date", "patient_name", "doctor_name", "has_prescription")
    fields = ("date", "patient_name", "doctor_name", "diagnosis", "prescription", "notes", "attachment_names")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).visible_to(acting(request))

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        paginator = super().get_paginator(request, *args, **kwargs)
        if paginator.remember_as is not None:
            paginator.count = MedicalRecord.objects.total_for(acting(request))
        return paginator

    @admin.display(description="Attachments")
    def attachment_names(self, record: MedicalRecord) -> SafeString:
        return format_html_join("\n", "<div>{}</div>", ((name,) for name in record.attachments))
