"""The practice's own texts: kept, shown with examples, and sent to oneself to see them."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from uuid_utils.compat import uuid7

from accounts.models import User
from audit import context
from core.errors import Invalid
from core.search.phones import international
from notifications.jobs import enqueue
from notifications.messages.jobs import send_one
from notifications.messages.sending import written
from notifications.messages.texts import DEFAULTS, MessageText, check
from notifications.models import Channel, Message, MessageKind, MessageTemplate
from practices.models import Office
from practices.services import current_practice

EXAMPLES = {
    "en": {"name": "Paula Jensen", "date": "Monday, January 14, 2030", "time": "3:00 PM", "doctor": "Dr. Reyes"},
    "de": {"name": "Paula Jensen", "date": "Montag, 14. Januar 2030", "time": "15:00 Uhr", "doctor": "Dr. Reyes"},
}
ABOUT = "test"


def own_texts() -> dict[tuple[str, str, str], MessageTemplate]:
    return {(row.kind, row.channel, row.language): row for row in MessageTemplate.objects.all()}


def get_text(kind: str, channel: str, language: str) -> MessageText:
    """Return the practice's text, or the one that comes with Praxis. Raises LookupError."""
    own = MessageTemplate.objects.filter(kind=kind, channel=channel, language=language).first()
    return MessageText(own.subject, own.text, own.version) if own else DEFAULTS[kind, channel, language]


@transaction.atomic
def save_text(*, by: User, kind: str, channel: str, language: str, subject: str, text: str) -> MessageTemplate:
    """Keep the practice's own text; each change is a new version. Raises Invalid."""
    check(kind, channel, subject=subject, text=text)
    same = MessageTemplate.objects.select_for_update(of=("self",)).filter(kind=kind, channel=channel, language=language)
    with context.done_by(by):
        row: MessageTemplate = same.first() or MessageTemplate(kind=kind, channel=channel, language=language, version=0)
        if (row.subject, row.text) != (subject, text):
            row.subject, row.text, row.version = subject, text, row.version + 1
            row.save()
    return row


@transaction.atomic
def use_default(*, by: User, kind: str, channel: str, language: str) -> None:
    """Go back to the text that comes with Praxis."""
    with context.done_by(by):
        for row in MessageTemplate.objects.filter(kind=kind, channel=channel, language=language):
            row.delete()


def preview(kind: str, channel: str, language: str, *, subject: str, text: str) -> MessageText:
    """Return the text filled in with examples. Raises Invalid."""
    check(kind, channel, subject=subject, text=text)
    practice = current_practice()
    office = practice_office()
    fields = {**EXAMPLES[language], **office, "practice": practice.name, "link": "https://…", "series": "", "video": ""}
    return written(kind, channel, language, fields, {(kind, channel, language): MessageText(subject, text)})


def practice_office() -> dict[str, str]:
    office = Office.objects.order_by("pk").first()
    if office is None:
        return {"office": "", "address": "", "phone": ""}
    return {"office": office.name, "address": office.address, "phone": office.phone}


@transaction.atomic
def send_test(*, by: User, kind: str, channel: str, language: str, subject: str, text: str) -> UUID:
    """Send the text, with examples, to the address of `by`. Raises Invalid, also for somebody without a number."""
    shown = preview(kind, channel, language, subject=subject, text=text)
    is_sms = channel == Channel.SMS
    address = international(by.phone or "", region=current_practice().region) if is_sms else by.email
    if not address:
        raise Invalid("text", _("Your account has no phone number to send it to."))
    now = timezone.now()
    row = Message.objects.create(
        user=by,
        about=ABOUT,
        occurrence=f"{ABOUT}:{uuid7()}",
        kind=MessageKind.ACCOUNT,
        channel=channel,
        planned_for=now,
        due_at=now,
        address=address,
        subject=shown.subject,
        text=shown.text,
        language=language,
    )
    enqueue(send_one, payload={"message_id": row.pk})
    pk: UUID = row.pk
    return pk
