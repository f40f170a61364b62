"""The queue of emergency accesses that an office manager has to review."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from core.admin.base import Access, P, PracticeModelAdmin, current_user, post_action
from core.errors import Refusal
from core.formats import format_datetime
from core.texts import validate_text
from patients.models import EmergencyAccess
from patients.restriction.serializers import ReviewState
from patients.restriction.services import sign_off


class ReviewFilter(SimpleListFilter):
    title = _("review")
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(ReviewState.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[EmergencyAccess]:
        if self.value() == ReviewState.OPEN:
            return queryset.pending_review()
        return queryset.reviewed() if self.value() == ReviewState.REVIEWED else queryset


class SignOffForm(forms.Form):
    note = forms.CharField(
        required=False,
        max_length=2000,
        validators=[validate_text],
        label=_("Note (what you found, who you asked)"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


@admin.register(EmergencyAccess)
class EmergencyAccessAdmin(PracticeModelAdmin):
    empty_hint = _("When somebody opens a restricted chart in an emergency, it waits here for review.")
    access = Access(P.REVIEW_EMERGENCIES)
    list_display = ("opened", "who", "patient_name", "review")
    list_filter = (ReviewFilter,)
    fields = ("patient_name", "who", "opened", "expires_at", "alert", "reason", "review", "note")
    readonly_fields = fields
    change_form_outer_after_template = "admin/patients/emergencyaccess/sign_off.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_people()

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["sign_off"] = SignOffForm()
        return super().render_change_form(request, context, *args, **kwargs)

    @post_action("<uuid:access_id>/review/", name="review", permission="view")
    def sign_off(self, request: HttpRequest, access_id: UUID) -> HttpResponse:
        form = SignOffForm(request.POST)
        if not form.is_valid():
            raise Refusal(gettext("The note is too long. Shorten it to 2,000 characters."))
        sign_off(access_id=access_id, by=current_user(request), note=form.cleaned_data["note"])
        messages.success(request, gettext("The emergency access was signed off."))
        return redirect("admin:patients_emergencyaccess_changelist")

    def describe(self, row: EmergencyAccess) -> str:
        return f"{row.patient.name}, {format_datetime(row.created_at)}"

    # --- Columns and fields

    @admin.display(description=_("Opened"), ordering="created_at")
    def opened(self, row: EmergencyAccess) -> str:
        return format_datetime(row.created_at)  # a read-only field would show UTC

    @admin.display(description=_("Opened by"))
    def who(self, row: EmergencyAccess) -> str:
        return f"{row.opened_by.name} ({row.opened_by.get_role_display()})"

    @admin.display(description=_("Patient"))
    def patient_name(self, row: EmergencyAccess) -> str:
        return str(row.patient.name)

    @admin.display(description=_("Review"))
    def review(self, row: EmergencyAccess) -> str:
        if row.reviewed_at is None:
            return str(ReviewState.OPEN.label)
        names = {"person": row.reviewed_by_name, "moment": format_datetime(row.reviewed_at)}
        return gettext("Signed off by %(person)s, %(moment)s") % names

    @admin.display(description=_("Email"))
    def alert(self, row: EmergencyAccess) -> str:
        if row.alerted_at:
            return gettext("Sent to the practice's managers")
        return gettext("Not sent: no mail server accepted it")
