"""How the practice of the scope writes to people."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit import context
from core.database.locks import take_lock
from core.errors import Invalid
from core.tenancy.compiled import CompiledQuery
from core.tenancy.scope import current_practice_id
from notifications.models import Channel, MessagePreference, MessageSettings

LONGEST_NOTICE = 24 * 30  # hours
LONGEST_RECALL = 60  # months


def get_settings() -> MessageSettings:
    """Return the practice's settings, or the defaults."""
    return prefetch_settings()()


def prefetch_settings() -> Callable[[], MessageSettings]:
    """Ask for them, and return what returns them: within `sent_together`, the question may travel with others."""
    sent = _settings(None).sent()

    def settings() -> MessageSettings:
        found = sent()
        return found[0] if found else MessageSettings(practice_id=current_practice_id())

    return settings


_settings = CompiledQuery[MessageSettings](lambda person: MessageSettings.objects.order_by("pk"))


@transaction.atomic
def change_settings(*, by: User, **fields: Any) -> MessageSettings:
    """Change how the practice writes to people. What is planned already is sent when it was planned for; reminders of
    visits are planned anew by the app that owns them. Raises Invalid."""
    with context.done_by(by):
        found = MessageSettings.objects.select_for_update().first() or MessageSettings()
        recalls = found.recalls
        for name, value in fields.items():
            setattr(found, name, value)
        _check(found)
        found.recalls_since = _since(found, recalls, timezone.now().isoformat())
        found.version += 0 if found._state.adding else 1
        found.save()
    return found


def _since(settings: MessageSettings, before: dict[str, int], now: str) -> dict[str, str]:
    """Return since when each rule of recalls is as it is. One that was there before this was kept has no moment."""
    changed = {key: now for key, months in settings.recalls.items() if before.get(key) != months}
    kept = {key: since for key, since in settings.recalls_since.items() if key in settings.recalls}
    return kept | changed


def _check(settings: MessageSettings) -> None:
    for hours in settings.reminders.values():
        if not all(value is None or 1 <= value <= LONGEST_NOTICE for value in hours.values()):
            raise Invalid("reminders", _("Enter between 1 and 720 hours, or nothing for no reminder."))
    if not all(1 <= months <= LONGEST_RECALL for months in settings.recalls.values()):
        raise Invalid("recalls", _("Enter between 1 and 60 months, or nothing for no recall."))


def preferences_of(patient_ids: Iterable[UUID]) -> dict[UUID, MessagePreference]:
    """Return what these patients have said, also in a chart that was merged into theirs: whoever wants no messages is
    not asked again because there were two charts."""
    ids = set(patient_ids)
    rows = MessagePreference.objects.filter(Q(patient__in=ids) | Q(patient__merged_into__in=ids))
    found: dict[UUID, MessagePreference] = {}
    for row in rows.annotate(kept_in=F("patient__merged_into")).order_by("id"):
        for patient_id in ids & {row.patient_id, row.kept_in}:
            known = found.get(patient_id)
            found[patient_id] = row if known is None else _both(known, row)
    return found


def _both(one: MessagePreference, other: MessagePreference) -> MessagePreference:
    """Return what is true of both: what either refused is refused."""
    both = MessagePreference(patient_id=one.patient_id, language=one.language or other.language)
    for channel in Channel.values:
        said = one if one.refused_since(channel) else other
        both.set(channel, since=said.refused_since(channel), how=getattr(said, f"no_{channel}_how"))
    return both


def get_preference(patient_id: UUID) -> MessagePreference:
    return MessagePreference.objects.filter(patient=patient_id).first() or MessagePreference(patient_id=patient_id)


@transaction.atomic
def say_preference(
    *, patient_id: UUID, how: str, channels: Iterable[str] = (), wanted: bool = False, language: str | None = None
) -> MessagePreference:
    """Say whether a patient wants messages by these channels, and in which language. What was said before is not said
    anew, and of two who say something at the same time the later one knows what the other said."""
    take_lock(f"message_preference:{patient_id}")
    found, now = get_preference(patient_id), timezone.now()
    before = {channel: found.refused_since(channel) is None for channel in channels}
    says_more = language is not None and language != found.language
    if not says_more and all(is_wanted == wanted for is_wanted in before.values()):
        return found
    if found._state.adding:
        found.save()  # so that what is said is a change in the trail
    for channel, is_wanted in before.items():
        if is_wanted != wanted:
            found.set(channel, since=None if wanted else now, how=how)
    if language is not None:
        found.language = language
    found.save()
    return found
