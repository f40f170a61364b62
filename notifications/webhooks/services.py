"""Webhooks: keeping them, and what is to be sent for an event (docs/adr/0044)."""

import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.database.locks import take_lock
from core.errors import Conflict, Invalid
from core.tenancy.compiled import CompiledQuery
from integrations.web_post import check_url
from notifications.events import Event, EventType, in_transaction
from notifications.jobs import enqueue, enqueue_many
from notifications.jobs.services import Planned
from notifications.models import Delivery, JobState, Webhook

MOST = 20  # of a practice
OLD_SECRET_LASTS = timedelta(hours=24)
PREFIX = "whsec_"
DELIVER = "webhooks.deliver"
WRONG_URL = _("Enter an address that begins with https:// and is public.")
NO_EVENTS = _("Choose at least one event.")
TOO_MANY = _("There are twenty webhooks already. Remove one of them first.")


def create(*, by: User, url: str, events: Collection[str]) -> Webhook:
    """Return a new webhook, with the `secret` that is shown now and never again. Raises Invalid, and Conflict if there
    are too many."""
    with context.done_by(by), transaction.atomic():
        take_lock(f"webhooks {by.practice_id}")
        if Webhook.objects.count() >= MOST:
            raise Conflict(TOO_MANY)
        hook: Webhook = Webhook.objects.create(url=_checked_url(url), events=_checked_events(events), secret=_secret())
    return hook


def change(*, by: User, webhook_id: UUID, **values: Any) -> Webhook:
    """Change `url`, `events` or `is_active`. Raises NotFound and Invalid."""
    with context.done_by(by), transaction.atomic():
        hook = _locked(webhook_id)
        if "url" in values:
            values["url"] = _checked_url(values["url"])
        if "events" in values:
            values["events"] = _checked_events(values["events"])
        for name, value in values.items():
            setattr(hook, name, value)
        hook.save(update_fields={*values, "updated_at"})
    return hook


def remove(*, by: User, webhook_id: UUID) -> None:
    """Remove it with the list of what was sent. Raises NotFound."""
    with context.done_by(by), transaction.atomic():
        _locked(webhook_id).delete()


def rotate_secret(*, by: User, webhook_id: UUID) -> Webhook:
    """Give it a new secret, which is shown now and never again. For a day events are signed with both. Raises
    NotFound."""
    with context.done_by(by), transaction.atomic():
        hook = _locked(webhook_id)
        hook.old_secret, hook.old_secret_until = hook.secret, timezone.now() + OLD_SECRET_LASTS
        hook.secret = _secret()
        hook.save(update_fields={"secret", "old_secret", "old_secret_until", "updated_at"})
    return hook


def resend(*, by: User, webhook_id: UUID, delivery_id: UUID) -> Delivery:
    """Send an event once more, now, and again up to a day if it is not accepted. Raises NotFound, and Conflict for one
    that is on its way, or of a webhook that is turned off."""
    with context.done_by(by), transaction.atomic():
        hook = _locked(webhook_id)
        delivery: Delivery = hook.deliveries.select_for_update().filter(pk=delivery_id).first() or _missing(delivery_id)
        if not hook.is_active:
            raise Conflict(_("This webhook is turned off."))
        if delivery.state == JobState.WAITING:
            raise Conflict(_("This event is on its way already."))
        delivery.state = JobState.WAITING
        delivery.save(update_fields={"state", "updated_at"})
        enqueue(DELIVER, payload={"delivery_id": delivery.pk}, unique_key=f"delivery {delivery.pk}")
    return delivery


@in_transaction
def plan(event: Event) -> None:
    """Write down for each webhook of the practice that wants it that the event is to be sent."""
    wanting = [hook_id for hook_id, events in _active(None).all() if event.type in events]
    if not wanting:
        return
    planned = [
        Delivery(
            webhook_id=hook_id,
            event_key=event.key,
            type=event.type,
            about_id=event.id,
            version=event.version,
            happened_at=event.at,
        )
        for hook_id in wanting
    ]
    for delivery in planned:
        delivery.save(force_insert=True)
    enqueue_many(DELIVER, [Planned({"delivery_id": row.pk}, None, f"delivery {row.pk}") for row in planned])


@CompiledQuery[Any]
def _active(person: None) -> Any:
    return Webhook.objects.filter(is_active=True).values_list("pk", "events")


def _locked(webhook_id: UUID) -> Webhook:
    hook: Webhook = Webhook.objects.select_for_update().get_or_refuse(pk=webhook_id)
    return hook


def _missing(delivery_id: UUID) -> Any:
    return Delivery.objects.none().get_or_refuse(pk=delivery_id)


def _checked_url(url: str) -> str:
    try:
        check_url(url)
    except ValueError as error:
        raise Invalid("url", WRONG_URL) from error
    return url


def _checked_events(events: Collection[str]) -> list[str]:
    chosen = sorted({EventType(event).value for event in events})
    if not chosen:
        raise Invalid("events", NO_EVENTS)
    return chosen


def _secret() -> str:
    return PREFIX + secrets.token_urlsafe(32)
