"""Pages that show today's visits and are not drawn anew by themselves: whether one more is there, or one has changed,
since the page was opened. The page says so and offers to show it (dashboard/static/praxis/day-news.js)."""

from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Max, Sum
from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from appointments.calendar.page import CalendarPage
from appointments.models import Appointment
from notifications.live.handover import is_served_to
from practices.models import Practice

MINE = "mine"


def for_page(request: HttpRequest, *, practice: Practice, mine: bool = False) -> dict[str, str]:
    """Return what templates/day_news.html needs; nothing without live updates, and for who has no calendar."""
    user: Any = request.user
    if not is_served_to(request) or not user.can(CalendarPage.needs):
        return {}
    asked = {"token": token(user, practice, mine=mine), **({"whose": MINE} if mine else {})}
    return {"live": reverse("ws_events"), "changed": f"{reverse('calendar_day_news')}?{urlencode(asked)}"}


def token(user: User, practice: Practice, *, mine: bool) -> str:
    """Return a text that is another one once a visit of today has changed."""
    start, end = practice.day_bounds(practice.today())
    visits = Appointment.objects.visible_to(user).filter(starts_at__gte=start, starts_at__lt=end)
    if mine:
        visits = visits.filter(doctor=user)
    found = visits.order_by().aggregate(number=Count("pk"), at=Max("updated_at"), versions=Sum("version"))
    return blake2b(repr(sorted(found.items())).encode(), digest_size=8).hexdigest()
