"""Which part of the calendar somebody looks at, and what they chose last: kept in their session on the server."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from accounts.models import User
from accounts.roles import Role
from appointments.calendar.forms import ViewStateForm
from appointments.calendar.grid import day_bounds, week_of
from core.admin.base import current_user
from core.forms import as_uuid
from practices.models import Office, Practice
from practices.services import get_office

SESSION_KEY = "calendar"
ALL_OFFICES = "all"


@dataclass
class ViewState:
    view: str
    day: date
    office: Office | None
    doctor: User | None
    room: UUID | None  # whose column a narrow screen shows
    zone: ZoneInfo
    today: date
    patient: UUID | None = None  # for whom a time is looked for; never remembered

    @property
    def days(self) -> list[date]:
        return week_of(self.day) if self.view == "week" else [self.day]

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        return day_bounds(self.days, self.zone)

    @property
    def step(self) -> int:
        return 7 if self.view == "week" else 1

    @property
    def before(self) -> str:
        return self.address(day=self.day - timedelta(days=self.step))

    @property
    def after(self) -> str:
        return self.address(day=self.day + timedelta(days=self.step))

    @property
    def as_list(self) -> str:
        return self.address(view="list")

    def query(self, **changed: Any) -> str:
        asked = {
            "day": self.day,
            "view": self.view,
            "office": self.office.pk if self.office else ALL_OFFICES,
            "doctor": self.doctor.pk if self.doctor else None,
            "room": self.room,
            "patient": self.patient,
            **changed,
        }
        return urlencode({name: value for name, value in asked.items() if value is not None})

    def address(self, **changed: Any) -> str:
        return f"{reverse('calendar')}?{self.query(**changed)}"


def read_view_state(request: HttpRequest) -> ViewState:
    """Return what the address says, completed by what was shown last. Raises Invalid and NotFound."""
    asked = request.GET.copy()
    everywhere = asked.get("office") == ALL_OFFICES
    if everywhere:
        del asked["office"]
    given = ViewStateForm(asked).validated_data
    last = request.session.get(SESSION_KEY, {})
    practice: Practice = request.practice  # type: ignore[attr-defined]
    user = current_user(request)
    if given["office"]:
        office: Office | None = get_office(given["office"])
    else:
        remembered = None if everywhere else as_uuid(last.get("office"))
        office = Office.objects.select_related("practice").filter(pk=remembered).first() if remembered else None
    zone = office.tzinfo if office else practice.tzinfo
    view = given["view"] or last.get("view") or "day"
    doctor = _doctor(user, given["doctor"], last, needed=view == "week")
    if view == "week" and doctor is None:
        view = "day"  # nobody works here yet
    today = datetime.now(zone).date()
    room = given["room"] or as_uuid(last.get("room"))
    return ViewState(view, given["day"] or today, office, doctor, room, zone, today, given["patient"])


def remember(request: HttpRequest, shown: ViewState) -> None:
    """Keep what somebody chose to see. Not for what an open page asks for by itself: two tabs would write each other's
    choice into the session every other second, and what else is changed there meanwhile would be lost."""
    kept = {
        "view": shown.view,
        "office": str(shown.office.pk) if shown.office else "",
        "doctor": str(shown.doctor.pk) if shown.doctor else "",
        "room": str(shown.room or ""),
    }
    if kept != request.session.get(SESSION_KEY):
        request.session[SESSION_KEY] = kept


def _doctor(user: User, asked: UUID | None, last: dict[str, str], *, needed: bool) -> User | None:
    """Return the doctor who was picked. A doctor who has picked nobody sees themselves first, and a week is somebody's.
    Raises NotFound."""
    if asked is not None:
        return User.objects.doctor(asked)
    doctors = User.objects.doctors()
    remembered = as_uuid(last.get("doctor"))
    picked = doctors.filter(pk=remembered).first() if remembered else None
    if picked is None and user.role == Role.DOCTOR:
        return user
    return picked or (doctors.order_by("id").first() if needed else None)
