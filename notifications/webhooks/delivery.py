"""Sending an event to a webhook: a body of ids alone, signed anew with each try."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

import orjson
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.web_post import PostFailed, post
from notifications.jobs import Again, GiveUp, job, scheduled
from notifications.models import Delivery, JobState
from notifications.webhooks.services import DELIVER
from practices.services import each_practice

ATTEMPTS = 17  # with the waits below, the last is a day after the first
FIRST_DELAY, LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=3)
RETENTION = timedelta(days=30)


def mark_failed(delivery_id: str) -> None:
    for delivery in Delivery.objects.filter(pk=delivery_id):
        delivery.state = JobState.FAILED
        delivery.save(update_fields={"state", "updated_at"})


@job(
    DELIVER,
    gettext_lazy("Deliver an event to a webhook"),
    max_attempts=ATTEMPTS,
    first_delay=FIRST_DELAY,
    longest_delay=LONGEST_DELAY,
    on_failed=mark_failed,
    on_uncertain=mark_failed,
)
def deliver(delivery_id: str) -> None:
    """Send it. It may arrive twice, if this worker dies before it has written down that it did: the receiver knows by
    the event's id."""
    delivery = Delivery.objects.filter(pk=delivery_id).select_related("webhook").first()
    if delivery is None or delivery.state != JobState.WAITING:
        return  # its webhook was removed
    if not delivery.webhook.is_active:
        raise GiveUp(_("The webhook is turned off."))
    now, body = timezone.now(), body_of(delivery)
    try:
        status = post(delivery.webhook.url, body, headers_of(delivery, body, now))
    except PostFailed as failure:
        _note(delivery, now, answered=failure.status, error=failure.reason, state=JobState.WAITING)
        raise (GiveUp if failure.permanent else Again)(failure.reason) from failure
    _note(delivery, now, answered=status, error="", state=JobState.DONE)


def body_of(delivery: Delivery) -> bytes:
    return orjson.dumps(
        {
            "type": delivery.type,
            "id": str(delivery.about_id),
            "version": delivery.version,
            "eventId": str(delivery.event_key),
            "happenedAt": delivery.happened_at.isoformat(),
        }
    )


def headers_of(delivery: Delivery, body: bytes, now: datetime) -> dict[str, str]:
    hook, moment = delivery.webhook, str(int(now.timestamp()))
    signed_with = [hook.secret]
    if hook.old_secret and hook.old_secret_until and now < hook.old_secret_until:
        signed_with.append(hook.old_secret)
    signatures = ",".join(f"v1={signature(secret, moment, body)}" for secret in signed_with)
    return {
        "User-Agent": "Praxis",
        "Praxis-Event": delivery.type,
        "Praxis-Delivery": str(delivery.pk),
        "Praxis-Signature": f"t={moment},{signatures}",
    }


def signature(secret: str, moment: str, body: bytes) -> str:
    return hmac.new(secret.encode(), moment.encode() + b"." + body, sha256).hexdigest()


def _note(delivery: Delivery, now: datetime, *, answered: int | None, error: str, state: JobState) -> None:
    delivery.attempts += 1
    delivery.attempted_at, delivery.answered, delivery.error, delivery.state = now, answered, error[:100], state
    delivery.save(update_fields={"attempts", "attempted_at", "answered", "error", "state", "updated_at"})


@scheduled("webhooks.remove_old", gettext_lazy("Remove old deliveries of webhooks"), every=timedelta(days=1))
def remove_old() -> None:
    """Remove what was sent long ago from the lists."""
    for _practice in each_practice():
        Delivery.objects.filter(created_at__lt=timezone.now() - RETENTION).exclude(state=JobState.WAITING).delete()
