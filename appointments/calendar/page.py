"""What the pages of the calendar have in common: who may open them, what they say, and that they are audited."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import ngettext
from django.views import View
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event
from rest_framework.exceptions import Throttled

from accounts.models import User
from appointments.models import Appointment
from core.admin.access_log import log_page_read
from core.admin.base import current_user
from core.api import throttling
from core.encryption.fields import unreadable_marked
from core.error_pages import error_page, throttled_page
from core.errors import Invalid, Refusal
from core.permissions import Permission

UNDO_SECONDS = 10
ABOUT = Appointment._meta.label


class CalendarPage(View):
    """A page, or a part of one that htmx asks for. Only who works with the practice's appointments may open it."""

    http_method_names = ["get", "head", "post"]
    is_counted = True
    needs = Permission.CHANGE_APPOINTMENTS
    user: User
    request: Any

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not hasattr(request, "practice"):
            return _to_sign_in(request)
        self.user = current_user(request)
        try:
            if not self.user.can(self.needs):
                raise PermissionDenied
            if self.is_counted:
                throttling.count_user(self.user.pk)
            with unreadable_marked():
                return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        except Throttled as throttled:
            wait = throttled.wait  # type: ignore[attr-defined]
            sentence = ngettext("Try again in %(number)s second.", "Try again in %(number)s seconds.", wait)
            return self._refusal(sentence % {"number": wait}, 429) or throttled_page(request, throttled)
        except Refusal as refusal:
            sentence = refusal.message if isinstance(refusal, Invalid) else refusal.detail  # without the field's name
            answer = self._refusal(sentence, refusal.status)
            return answer or error_page(request, sentence, status=refusal.status)

    def _refusal(self, sentence: str, status: int) -> HttpResponse | None:
        """Return what a part of a page says instead of what was asked for; None for a whole page."""
        if not _is_part(self.request):
            return None
        return say(self.request, sentence, is_error=True, status=status)

    def read(self, rows: Iterable[Any], **details: Any) -> None:
        """Tell the audit trail which patients the answer shows, and unlock those that this person may read."""
        log_page_read(self.request, rows, **{"about": ABOUT, **details})


def _is_part(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead to the sign-in, and back to where somebody was."""
    if not _is_part(request):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    calendar = reverse("calendar")
    return HttpResponseClientRedirect(redirect_to_login(calendar, reverse("admin:login"))["Location"])


def say(
    request: HttpRequest, sentence: str, *, is_error: bool = False, status: int = 200, **shown: Any
) -> HttpResponse:
    """Return a message for the place where the page has them, whatever part was asked for."""
    shown |= {"sentence": sentence, "is_error": is_error, "undo_seconds": UNDO_SECONDS}
    answer = render(request, "appointments/calendar/message.html", shown, status=status)
    answer["HX-Retarget"], answer["HX-Reswap"] = "#message", "innerHTML"
    return answer


def changed_page(
    request: HttpRequest, sentence: str, visit: Appointment, undo: dict[str, Any] | None, **shown: Any
) -> HttpResponse:
    """Say what was done and offer to undo it, by sending these values to the page `undo_with`; the page closes its
    panel and asks for what has changed."""
    shown = {"undo_with": "calendar_change", "warnings": [str(warning) for warning in visit.warnings], **shown}
    answer = say(request, sentence, visit=visit, undo=undo, **shown)
    return trigger_change(answer, visit)


def trigger_change(answer: HttpResponse, visit: Appointment) -> HttpResponse:
    """Have the page show the visit as it is now."""
    return trigger_client_event(answer, "calendar:changed", {"visit": str(visit.pk)}, after="settle")


def described(visit: Appointment) -> dict[str, Any]:
    return {
        "patient": visit.patient.name,
        "doctor": visit.doctor.name,
        "time": describe_time(visit),
        "minutes": visit.minutes,
        "room": visit.room,
        "reason": visit.get_cancel_reason_display(),
    }


def describe_time(visit: Appointment) -> str:
    """Return `Tue, Dec 1, 10:30 AM`, with the time zone if it is not the practice's."""
    text = local_time(visit.starts_at, visit.tzinfo)
    return text if visit.tzinfo == timezone.get_current_timezone() else f"{text} ({visit.zone_label})"


def local_time(moment: Any, zone: Any) -> str:
    local = moment.astimezone(zone)
    return f"{date_format(local, 'D, M j')}, {time_format(local, 'TIME_FORMAT')}"
