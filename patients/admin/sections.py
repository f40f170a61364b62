"""Sections below the form on a chart's page: legal holds, and what other apps register."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from accounts.models import User, display_name
from core.admin.base import current_user, post_action
from core.errors import Refusal
from core.permissions import Permission
from core.texts import READABLE
from patients.admin.base import DeletableAdmin
from patients.deletion import services as deletions
from patients.models import ACTIVE_STATUSES, LegalHold, Patient


class Section:
    """A section of the chart's page. `template` is rendered with the page's context and what `context` returns; `urls`
    are the targets of its forms, relative to the list of charts."""

    template: str

    def context(self, chart: Patient, user: User) -> dict[str, Any]:
        raise NotImplementedError

    def urls(self, chart_admin: "ChartSectionsAdmin") -> list[URLPattern]:
        return []


SECTIONS: list[Section] = []  # in page order


def register_section(section: type[Section]) -> type[Section]:
    SECTIONS.append(section())
    return section


class HoldForm(forms.Form):
    """The reason for a legal hold; stored encrypted and shown to office managers."""

    reason = forms.CharField(
        label=_("Reason for the hold"),
        max_length=1000,
        validators=READABLE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


class ChartSectionsAdmin(DeletableAdmin):
    """The part of the chart admin that shows sections and legal holds."""

    def get_urls(self) -> list[URLPattern]:
        return [*(url for section in SECTIONS for url in section.urls(self)), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        chart, user = context.get("original"), current_user(request)
        if chart is not None and chart.status in ACTIVE_STATUSES and user.can(Permission.READ_CHARTS):
            context |= {
                "chart": chart,
                "sections": [section.template for section in SECTIONS],
                **_hold_context(chart, user),
            }
            for section in SECTIONS:
                context |= section.context(chart, user)
        return super().render_change_form(request, context, *args, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Declined and merged registrations are kept."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.status in ACTIVE_STATUSES)

    def after_deletion(self, row: Any) -> HttpResponse:
        return redirect("admin:patients_patient_changelist")

    # --- Legal hold

    def has_hold_permission(self, request: HttpRequest) -> bool:
        return current_user(request).can(Permission.HOLD_CHARTS)

    @post_action("<uuid:patient_id>/legal-hold/", name="hold", permission="hold")
    def place_hold(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        form = HoldForm(request.POST)
        if not form.is_valid():
            raise Refusal(gettext("Enter a reason for the legal hold, at most 1,000 characters."))
        deletions.place_hold(by=current_user(request), patient_id=patient_id, reason=form.cleaned_data["reason"])
        messages.success(request, gettext("The chart is on legal hold. Nothing in it will be deleted permanently."))
        return redirect("admin:patients_patient_change", patient_id)

    @post_action("<uuid:patient_id>/lift-legal-hold/", permission="hold")
    def lift_hold(self, request: HttpRequest, patient_id: UUID) -> HttpResponse:
        deletions.lift_hold(by=current_user(request), patient_id=patient_id)
        messages.success(request, gettext("The legal hold was lifted."))
        return redirect("admin:patients_patient_change", patient_id)


def _hold_context(chart: Patient, user: User) -> dict[str, Any]:
    if not user.can(Permission.HOLD_CHARTS):
        return {}
    hold = LegalHold.objects.filter(patient=chart).first()
    by = hold and display_name(User.objects.filter(pk=hold.placed_by_id).first())
    return {"may_hold": True, "hold": hold, "hold_placed_by": by, "hold_form": HoldForm()}
