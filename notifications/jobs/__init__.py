"""Work outside of requests (docs/adr/0043). An app's `jobs.py` says what the worker does for it:

    @job("messages.send", _("Send a message"), on_uncertain=mark_uncertain)
    def send(message_id: str) -> None: ...

    @scheduled("holds.remove_expired", _("Remove holds that are over"), every=timedelta(hours=1))
    def remove_expired() -> None: ...

and a service asks for it, in the transaction of what causes it:

    enqueue(send, payload={"message_id": message.pk}, run_at=message.planned_for, unique_key=f"message {message.pk}")

The function runs in the practice's scope, a job without a practice in the installation's. It may run again after it has
failed or its worker has died: it must find out what is done already, or be `atomic`, or say from where on it must not
be repeated (`point_of_no_return`). A test calls `run_due()`.
"""

from notifications.jobs import upkeep as upkeep  # it is scheduled
from notifications.jobs.errors import Again, GiveUp, LeaseLost, Uncertain
from notifications.jobs.registry import job, scheduled
from notifications.jobs.running import point_of_no_return, rest, run_due, somebody_waits, stopping
from notifications.jobs.schedule import tick
from notifications.jobs.services import Planned, cancel, enqueue, enqueue_many, run_again

__all__ = [
    "Again",
    "GiveUp",
    "LeaseLost",
    "Planned",
    "Uncertain",
    "cancel",
    "enqueue",
    "enqueue_many",
    "job",
    "point_of_no_return",
    "rest",
    "run_again",
    "run_due",
    "scheduled",
    "somebody_waits",
    "stopping",
    "tick",
]
