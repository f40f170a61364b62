"""Where the day of each role begins, which is where a sign-in leads. The pages are those of apps above, known by the
names of their addresses."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import User
from accounts.roles import Role
from core.admin.base import current_user
from core.admin.needs import may_open

HOMES = {
    Role.ADMIN: "admin:index",
    Role.DOCTOR: "my-day",
    Role.STAFF: "calendar",
    Role.BILLING: "billing",
    Role.PATIENT: "my_page",
}


def way_in(request: HttpRequest, asked: str) -> str:
    """Return where a sign-in leads: to the page that was asked for if this user may open it, else to their home."""
    return asked if asked and may_open(request, urlsplit(asked).path) else home_of(current_user(request))


def home_of(user: User) -> str:
    return reverse(HOMES[Role(user.role)])
