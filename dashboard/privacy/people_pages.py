"""The yearly review of who may see what."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.users import access_review
from accounts.users.access_review import Sight, sight_of, sight_of_key
from audit.events import AuditEvent
from audit_review.entries import entries
from core.csv_files import csv_response
from dashboard.privacy.base import PrivacyPage

HEADINGS = (_("Name"), _("Role"), _("May see"), _("Active"), _("Two-step verification"), _("Last sign-in"))
UNUSED, YEAR = timedelta(days=90), timedelta(days=365)


class PeoplePage(PrivacyPage):
    about = User._meta.label

    def sights(self) -> tuple[list[User], list[Sight]]:
        found = access_review.people(self.user)
        programs = access_review.programs(self.user)
        return found, [*map(sight_of, found), *map(sight_of_key, programs)]


class People(PeoplePage):
    def get(self, request: HttpRequest) -> HttpResponse:
        found, sights = self.sights()
        reviews = entries(access_review.reviews())
        self.read(found, hits=len(sights))
        now = timezone.now()
        context = {
            "tab": "people",
            "rows": [(one, _remarks(one, now)) for one in sights],
            "reviews": [(entry.event.at, entry.name or gettext("Unknown user")) for entry in reviews],
            "is_due": not reviews or reviews[0].event.at < now - YEAR,
        }
        return render(request, "dashboard/privacy/people.html", context)

    def post(self, request: HttpRequest) -> HttpResponse:
        access_review.record_review(by=self.user)
        self.done(gettext("Review of access recorded."))
        self.read([])
        return redirect("privacy-people")


class PeopleFile(PeoplePage):
    def get(self, request: HttpRequest) -> Any:
        found, sights = self.sights()
        self.read(found, kind=AuditEvent.LIST_EXPORTED, count=len(sights))
        rows = [
            [
                *(one.name, one.role, ", ".join(one.sees), _yes_or_no(one.is_active)),
                "" if one.has_second_factor is None else _yes_or_no(one.has_second_factor),
                one.last_at and timezone.localtime(one.last_at).isoformat(timespec="minutes"),
            ]
            for one in sights
        ]
        return csv_response(f"access-{timezone.localdate()}.csv", HEADINGS, rows)


def _yes_or_no(value: bool) -> str:
    return gettext("Yes") if value else gettext("No")


def _remarks(one: Sight, now: Any) -> list[str]:
    """Return what somebody should look at."""
    if not one.is_active:
        return []
    remarks = []
    if one.last_at is None:
        remarks.append(gettext("Has never signed in") if one.has_second_factor is not None else gettext("Never used"))
    elif one.last_at < now - UNUSED:
        remarks.append(gettext("Not here for more than 90 days"))
    if one.has_second_factor is False:
        remarks.append(gettext("Signs in with a password alone"))
    return remarks
