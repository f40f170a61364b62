"""Plans of care: doctors write them through the API, and the admin site shows and prints them."""

from dashboard.admin_records import ClinicalAdmin


class PlanAdmin(ClinicalAdmin):
    ordering = ("-starts_on", "-id")
    list_display = ("title", "patient_name", "doctor_name", "starts_on", "status")
    fields = (
        "title",
        "chart_link",
        "doctor_name",
        "diagnosis",
        "frequency",
        "starts_on",
        "target_end_on",
        "status",
    )
    readonly_fields = fields
    change_form_outer_after_template = "admin/records/plan.html"
