"""The practice and its offices."""

import zoneinfo
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.widgets import UnfoldAdminSelectWidget

from core.tenancy import current_practice_id
from dashboard.admin_base import PracticeModelAdmin, ServiceForm, acting
from practices import services
from practices.models import Office, Practice


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
    fields = ("name", "timezone", "appointment_minutes", "currency", "join_code")
    readonly_fields = ("join_code",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(pk=current_practice_id())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:practices_practice_change", current_practice_id())

    def change(self, request: HttpRequest, row: Practice, values: dict[str, Any]) -> Practice:
        return services.save_practice(practice=row, by=acting(request))


class OfficeAdmin(PracticeModelAdmin):
    form = OfficeForm
    list_display = ("name", "address", "phone")
    fields = ("name", "address", "phone", "timezone")

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Office:
        return services.save_office(office=Office(**values), by=acting(request))

    def change(self, request: HttpRequest, row: Office, values: dict[str, Any]) -> Office:
        return services.save_office(office=row, by=acting(request))
