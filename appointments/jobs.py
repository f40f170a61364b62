"""What the worker does for the calendar."""

from datetime import timedelta

from appointments.holds import services as holds
from core.tenancy.scope import practice_scope
from notifications.jobs import scheduled
from practices.models import Practice


@scheduled("holds.remove_expired", every=timedelta(hours=1))
def remove_expired_holds() -> None:
    for practice_id in Practice.objects.order_by("pk").values_list("pk", flat=True):
        with practice_scope(practice_id):
            holds.remove_expired()
