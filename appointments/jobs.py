"""What the worker does for the calendar: kept slots, and messages about visits."""

from datetime import time, timedelta

from django.utils.translation import gettext_lazy as _

from appointments.holds import services as holds
from appointments.messages import planning, recalls
from notifications.jobs import enqueue, job, scheduled
from practices.services import each_practice


@scheduled("holds.remove_expired", _("Remove holds that are over"), every=timedelta(hours=1))
def remove_expired_holds() -> None:
    for _practice in each_practice():
        holds.remove_expired()


@job("appointments.plan_reminders_again", _("Plan reminders again after a change of settings"))
def plan_reminders_again() -> None:
    """Plan the practice's reminders anew, after it has changed when it sends them."""
    planning.plan_again()


@job("appointments.plan_missing_reminders", _("Plan reminders that are missing"))
def plan_missing_reminders() -> None:
    """Plan the reminders of visits that came by another way than booking."""
    planning.plan_missing()


@scheduled("appointments.find_missing_reminders", _("Look for visits without reminders"), daily_at=time(3))
def find_missing_reminders() -> None:
    for practice_id in each_practice():
        enqueue(plan_missing_reminders, payload={}, unique_key="missing", practice=practice_id)


@job("appointments.plan_recalls", _("Plan recalls that are due"))
def plan_recalls() -> None:
    """Plan the recalls that are due in the practice."""
    recalls.plan_recalls()


@job("appointments.plan_overdue_recalls", _("Plan recalls that were due before"))
def plan_overdue_recalls(months: int) -> None:
    """Plan the recalls of patients who were already due when the practice's rules were set."""
    recalls.plan_overdue(months=months)


@scheduled("appointments.find_recalls", _("Look for patients to recall"), daily_at=time(4))
def find_recalls() -> None:
    for practice_id in each_practice():
        enqueue(plan_recalls, payload={}, unique_key="recalls", practice=practice_id)
