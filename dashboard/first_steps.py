"""What a new practice still lacks before its first visit, for the manager's page Today."""

from typing import Any, NamedTuple

from django.db.models import Exists
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType, WorkingHours
from billing.models import Service
from core.admin.base import current_user
from core.admin.needs import may_open
from core.errors import Sentence
from core.permissions import Permission
from patients.models import Patient
from practices.models import Office, Practice

# What has to be there, in the order in which one thing needs the other: its rows, where it is added, what to do.
STEPS = (
    ("offices", Office, "admin:practices_office_add", _("Add the office where you see patients")),
    ("doctors", User, "admin:accounts_user_add", _("Invite the doctors and colleagues")),
    ("hours", WorkingHours, "admin:appointments_workinghours_add", _("Add when each doctor works")),
    ("types", AppointmentType, "admin:appointments_appointmenttype_add", _("Add the kinds of visits you offer")),
    ("prices", Service, "billing-service-new", _("Write the price list")),
    ("charts", Patient, "imports", _("Import your patients, or register the first one in the calendar")),
)
CAN_WAIT = {"prices"}  # not every practice bills with Praxis


class Step(NamedTuple):
    title: Sentence
    address: str
    is_done: bool


def first_steps(request: HttpRequest) -> list[Step]:
    """Return what is to be done and what is done already; nothing once all of it is, or if it is somebody else's."""
    if not current_user(request).can(Permission.MANAGE_PRACTICE):
        return []
    practice: Practice = request.practice  # type: ignore[attr-defined]
    there = {name: Exists(_rows(model).order_by()) for name, model, _address, _title in STEPS}
    found: Any = Practice.objects.filter(pk=practice.pk).values(**there).get()
    if all(found[name] for name in there.keys() - CAN_WAIT):
        return []
    steps = (Step(title, reverse(address), found[name]) for name, _model, address, title in STEPS)
    return [step for step in steps if may_open(request, step.address)]


def _rows(model: Any) -> Any:
    return User.objects.doctors() if model is User else model.objects.all()
