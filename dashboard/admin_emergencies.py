"""The queue of emergency accesses that an admin has to sign off."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminTextareaWidget

from core.errors import Missing, Refusal
from dashboard.admin_base import PracticeModelAdmin, acting
from patients.models import EmergencyAccess
from patients.restriction import sign_off
from patients.serializers import ReviewState


class ReviewFilter(SimpleListFilter):
    title = "review"
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(ReviewState.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[EmergencyAccess]:
        if self.value() == ReviewState.OPEN:
            return queryset.waiting()
        return queryset.signed_off() if self.value() == ReviewState.REVIEWED else queryset


class SignOffForm(forms.Form):
    note = forms.CharField(
        required=False,
        max_length=2000,
        label="Note (what you found, whom you asked)",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class EmergencyAccessAdmin(PracticeModelAdmin):
    list_display = ("opened", "who", "patient_name", "review")
    list_filter = (ReviewFilter,)
    fields = ("patient_name", "who", "opened", "expires_at", "alert", "reason", "review", "note")
    readonly_fields = fields
    change_form_outer_after_template = "admin/patients/emergencyaccess/sign_off.html"

    def get_urls(self) -> list[URLPattern]:
        review = self.admin_site.admin_view(require_POST(self.sign_off))
        own = [path("<uuid:access_id>/review/", review, name="patients_emergencyaccess_review")]
        return own + super().get_urls()

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_people()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["sign_off"] = SignOffForm()
        return super().render_change_form(request, context, *args, **kwargs)

    def sign_off(self, request: HttpRequest, access_id: UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        form = SignOffForm(request.POST)
        try:
            if not form.is_valid():
                raise Refusal("The note is too long.")
            sign_off(access_id=access_id, by=acting(request), note=form.cleaned_data["note"])
        except Missing as error:
            raise Http404 from error
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return redirect("admin:patients_emergencyaccess_change", access_id)
        messages.success(request, "The emergency access is signed off.")
        return redirect("admin:patients_emergencyaccess_changelist")

    # --- Columns and fields

    @admin.display(description="Opened", ordering="created_at")
    def opened(self, row: EmergencyAccess) -> str:
        return date_format(localtime(row.created_at), "DATETIME_FORMAT")  # a form would show a moment in UTC

    @admin.display(description="By")
    def who(self, row: EmergencyAccess) -> str:
        return f"{row.opened_by.name} ({row.opened_by.get_role_display()})"

    @admin.display(description="Patient")
    def patient_name(self, row: EmergencyAccess) -> str:
        return str(row.patient.name)

    @admin.display(description="Review")
    def review(self, row: EmergencyAccess) -> str:
        if row.reviewed_at is None:
            return ReviewState.OPEN.label
        when = date_format(localtime(row.reviewed_at), "DATETIME_FORMAT")
        return f"{ReviewState.REVIEWED.label} by {row.reviewer}, {when}"

    @admin.display(description="E-mail")
    def alert(self, row: EmergencyAccess) -> str:
        return "Sent to the practice's managers" if row.alerted_at else "Not sent: no mail server took it"
