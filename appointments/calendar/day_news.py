"""Pages that show today's visits and are not drawn anew by themselves: whether one more is there, or one has changed,
since the page was opened. The page says so and offers to show it (dashboard/static/praxis/day-news.js)."""

from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import User
from appointments.calendar.page import CalendarPage
from appointments.models import Appointment
from core.admin.access_log import asked_by_page, shows_no_patient
from core.api import throttling
from notifications.live.handover import is_served_to
from practices.models import Practice

MINE = "mine"


def for_page(request: HttpRequest, *, practice: Practice, mine: bool = False) -> dict[str, str]:
    """Return what templates/day_news.html needs; nothing without live updates, and for who has no calendar."""
    user: Any = request.user
    if not is_served_to(request) or not user.can(CalendarPage.needs):
        return {}
    asked = {"token": _token(user, practice, mine=mine), **({"whose": MINE} if mine else {})}
    return {"live": reverse("ws_events"), "changed": f"{reverse('calendar_day_news')}?{urlencode(asked)}"}


def _token(user: User, practice: Practice, *, mine: bool) -> str:
    """Return a text that is another one once a visit of today has changed."""
    start, end = practice.day_bounds(practice.today())
    visits = Appointment.objects.visible_to(user).filter(starts_at__gte=start, starts_at__lt=end)
    if mine:
        visits = visits.filter(doctor=user)
    found = visits.order_by().aggregate(number=Count("pk"), at=Max("updated_at"), versions=Sum("version"))
    return blake2b(repr(sorted(found.items())).encode(), digest_size=8).hexdigest()


class DayNews(CalendarPage):
    """204 while nothing has changed; else 200 with nothing in it."""

    is_counted = False

    def get(self, request: HttpRequest) -> HttpResponse:
        with throttling.counted_as_poll():
            throttling.count_user(self.user.pk)
        now = _token(self.user, self.request.practice, mine=request.GET.get("whose") == MINE)
        return HttpResponse(status=204 if request.GET.get("token") == now else 200)


day_news = shows_no_patient("whether something has changed")(asked_by_page(DayNews.as_view()))
