"""The practice and its offices."""

import zoneinfo
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.models import User
from accounts.roles import Role
from accounts.second_factor.asking import HAS_SECOND_FACTOR
from accounts.second_factor.services import require_second_factor
from core.errors import Missing, Refusal
from core.tenancy import current_practice_id
from dashboard.admin_base import PracticeModelAdmin, ServiceForm, acting
from practices import services
from practices.models import Office, Practice

IN_THE_APP = (
    "Who does not use the admin site (doctors, billing) sets theirs up in the app (POST /api/users/me/mfa/…): "
    "have that ready first."
)


def _zones(blank: str | None = None) -> list[tuple[str, str]]:
    zones = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone or zone == "UTC")
    return [*([("", blank)] if blank else []), *((zone, zone.replace("_", " ")) for zone in zones)]


class PracticeForm(ServiceForm):
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=_zones,
        widget=UnfoldAdminSelectWidget(),
        help_text="The clinic's local time: an appointment's day is a day here.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "two_factor_required" in self.fields:  # of somebody who may change it
            field = self.fields["two_factor_required"]
            field.help_text = f"{field.help_text} {IN_THE_APP} {_who_has_none()}"


def _who_has_none() -> str:
    team = User.objects.exclude(role=Role.PATIENT).filter(is_active=True)
    counts = team.aggregate(everybody=Count("pk"), without=Count("pk", filter=~HAS_SECOND_FACTOR))
    if not counts["without"]:
        return "Everybody has one."
    return f"{counts['without']} of the {counts['everybody']} who work here have none yet."


class OfficeForm(ServiceForm):
    timezone = forms.ChoiceField(
        label="Time zone",
        choices=lambda: _zones("The practice's"),
        required=False,
        widget=UnfoldAdminSelectWidget(),
    )


class PracticeAdmin(PracticeModelAdmin):
    """One's own practice alone, so its list is its page."""

    form = PracticeForm
    fields = (
        "name",
        "timezone",
        "appointment_minutes",
        "currency",
        "two_factor_required",
        "doctors_see_drafts",
        "retention_years",
        "join_code",
    )
    readonly_fields = ("join_code",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(pk=current_practice_id())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:practices_practice_change", current_practice_id())

    def change(self, request: HttpRequest, row: Practice, values: dict[str, Any]) -> Practice:
        if "two_factor_required" in values:  # which stores the rest of the row too
            return require_second_factor(practice=row, by=acting(request), required=values["two_factor_required"])
        return services.save_practice(practice=row, by=acting(request))


class OfficeAdmin(PracticeModelAdmin):
    form = OfficeForm
    list_display = ("name", "address", "phone")
    fields = ("name", "address", "phone", "timezone")
    change_form_outer_after_template = "admin/practices/office/remove.html"

    def get_urls(self) -> list[URLPattern]:
        remove = self.admin_site.admin_view(require_POST(self.remove))
        return [path("<uuid:office_id>/remove/", remove, name="practices_office_remove"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        context["may_remove"] = context.get("original") is not None and self.has_change_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def remove(self, request: HttpRequest, office_id: UUID) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        try:
            services.remove_office(office_id=office_id, by=acting(request))
        except Missing as error:
            raise Http404 from error
        except Refusal as refusal:
            messages.error(request, refusal.detail)
            return redirect("admin:practices_office_change", office_id)
        messages.success(request, "The office is removed.")
        return redirect("admin:practices_office_changelist")

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Office:
        return services.save_office(office=Office(**values), by=acting(request))

    def change(self, request: HttpRequest, row: Office, values: dict[str, Any]) -> Office:
        return services.save_office(office=row, by=acting(request))
