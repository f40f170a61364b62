"""The practice and its offices."""

import zoneinfo
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from iso4217 import Currency
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget

from core.admin.access_log import shows_no_patient
from core.admin.base import Access, P, PracticeModelAdmin, ServiceForm, current_user
from core.admin.removing import RemovableAdmin
from core.formats import city_of, zone_label
from core.languages import offered
from core.tenancy.scope import current_practice_id
from practices import services
from practices.models import Office, Practice

ZONE_HELP = _(
    "Decides which day an appointment falls on. If you change it, appointments stay at the moment for which they were "
    "booked, and working hours at their time on the clock."
)
REGIONS = {
    "Africa": _("Africa"),
    "America": _("America"),
    "Antarctica": _("Antarctica"),
    "Arctic": _("Arctic"),
    "Asia": _("Asia"),
    "Atlantic": _("Atlantic"),
    "Australia": _("Australia"),
    "Europe": _("Europe"),
    "Indian": _("Indian Ocean"),
    "Pacific": _("Pacific"),
}
# Functions of other apps that return a sentence to show beside "Two-step verification required".
SECOND_FACTOR_HINTS: list[Callable[[], str]] = []


Choices = list[tuple[str, str]]
OLD_NAMES = _("Other names")  # such as US/Eastern, which may be stored but which nobody looks for


@cache
def _zones() -> list[tuple[Any, Choices]]:
    """Return the time zones by part of the world, each under its city: `Chicago (CST)`."""
    regions: dict[str, Choices] = {}
    for key in sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone or zone == "UTC"):
        region = key.partition("/")[0]
        known = region in REGIONS
        short = zoneinfo.ZoneInfo(key).tzname(datetime(2026, 1, 15)) or ""  # noqa: DTZ001 - standard time in the north
        name = f"{city_of(key)} ({short if short.isalpha() else f'UTC{short}'})"
        regions.setdefault(region if known else "", []).append((key, name if known else key.replace("_", " ")))
    others = regions.pop("")
    return [*((REGIONS[region], zones) for region, zones in sorted(regions.items())), (OLD_NAMES, others)]


@cache
def _currencies() -> list[tuple[str, str]]:
    """Return the currencies in use, by their names."""
    found = [(one.code, f"{one.code}: {one.currency_name}") for one in Currency if one.exponent is not None]
    return sorted(found, key=lambda choice: choice[1])


def _readable(fields: Sequence[str], *, may_change: bool) -> list[str]:
    """Return the fields, with the time zone in words where it cannot be changed."""
    return ["zone" if name == "timezone" and not may_change else name for name in fields]


class PracticeForm(ServiceForm):
    currency = forms.ChoiceField(label=_("Currency"), choices=_currencies, widget=UnfoldAdminSelect2Widget())
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=_zones,
        widget=UnfoldAdminSelect2Widget(),
        help_text=ZONE_HELP,
    )

    language = forms.ChoiceField(
        label=_("Language"),
        choices=lambda: [("", gettext("Of this installation")), *offered()],
        required=False,
        widget=UnfoldAdminSelectWidget(),
        help_text=_("Of pages and emails, for everybody who has not chosen another one."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "two_factor_required" in self.fields:  # only for those who may change it
            field = self.fields["two_factor_required"]
            field.help_text = " ".join([str(field.help_text), *(hint() for hint in SECOND_FACTOR_HINTS)])


class OfficeForm(ServiceForm):
    timezone = forms.ChoiceField(
        label=_("Time zone"),
        choices=lambda: [("", gettext("Same as the practice")), *_zones()],
        required=False,
        widget=UnfoldAdminSelect2Widget(),
        help_text=ZONE_HELP,
    )


@admin.register(Practice)
@shows_no_patient("the practice itself")
class PracticeAdmin(PracticeModelAdmin):
    """Only one's own practice, so the list redirects to its page."""

    empty_hint = _("Make one with the command create_practice.")
    access = Access(P.USE_ADMIN_SITE, change=P.MANAGE_PRACTICE)

    form = PracticeForm
    fieldsets = (
        (_("The practice"), {"fields": ("name", "timezone", "language", "currency", "join_code")}),
        (
            _("Appointments and online booking"),
            {
                "fields": (
                    "appointment_minutes",
                    "max_upcoming_appointments",
                    "booking_months_ahead",
                    "booking_notice_hours",
                    "same_day_booking",
                    "cancellation_hours",
                )
            },
        ),
        (_("Billing"), {"fields": ("payment_days", "doctors_see_revenue")}),
        (_("Security and records"), {"fields": ("two_factor_required", "doctors_see_drafts", "retention_years")}),
    )
    readonly_fields = ("join_code", "zone")

    def get_fieldsets(self, request: HttpRequest, obj: Practice | None = None) -> Any:
        """Leave out the join code, with which anybody can register, for all but those who give it out."""
        may_change = self.has_change_permission(request, obj)
        withheld = set() if current_user(request).can(P.MANAGE_PRACTICE) else {"join_code"}
        return [
            (
                title,
                {
                    "fields": [
                        name for name in _readable(group["fields"], may_change=may_change) if name not in withheld
                    ]
                },
            )
            for title, group in self.fieldsets
        ]

    @admin.display(description=_("Time zone"))
    def zone(self, practice: Practice) -> str:
        return zone_label(practice.tzinfo)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).filter(pk=current_practice_id())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return redirect("admin:practices_practice_change", current_practice_id())

    def change(self, request: HttpRequest, row: Practice, values: dict[str, Any]) -> Practice:
        return services.save_practice(practice=row, by=current_user(request))


@admin.register(Office)
@shows_no_patient("the practice's offices")
class OfficeAdmin(RemovableAdmin):
    empty_hint = _("Add the place where you see patients.")
    access = Access(P.USE_ADMIN_SITE, add=P.MANAGE_PRACTICE, change=P.MANAGE_PRACTICE)
    form = OfficeForm
    list_display = ("name", "address", "phone")
    fields = ("name", "address", "phone", "timezone")
    readonly_fields = ("zone",)
    removal_note = _("You can remove an office only if nothing uses it. This can't be undone.")
    removal_button, removed = _("Remove this office"), _("Office removed.")

    def get_fields(self, request: HttpRequest, obj: Office | None = None) -> list[str]:
        return _readable(self.fields, may_change=obj is None or self.has_change_permission(request, obj))

    @admin.display(description=_("Time zone"))
    def zone(self, office: Office) -> str:
        return zone_label(office.tzinfo)

    def remove_row(self, request: HttpRequest, pk: UUID) -> None:
        services.remove_office(office_id=pk, by=current_user(request))

    def create(self, request: HttpRequest, values: dict[str, Any]) -> Office:
        return services.save_office(office=Office(**values), by=current_user(request))

    def change(self, request: HttpRequest, row: Office, values: dict[str, Any]) -> Office:
        return services.save_office(office=row, by=current_user(request))
