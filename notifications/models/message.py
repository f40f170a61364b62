"""The ledger of messages to people: what is to be sent, what was, and why something was not."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedCharField, EncryptedTextField
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import INSTALLATION, PracticeModel, ScopeError


class Channel(PublicTextChoices):
    EMAIL = "email", _("Email")
    SMS = "sms", _("Text message")


class MessageKind(PublicTextChoices):
    BOOKED = "booked", _("Visit booked")
    MOVED = "moved", _("Visit moved")
    CANCELLED = "cancelled", _("Visit cancelled")
    REMINDER = "reminder", _("Reminder")
    OFFER = "offer", _("Offer of a free time")
    REGISTERED = "registered", _("Registration confirmed")
    INVOICE = "invoice", _("Invoice")
    RECEIPT = "receipt", _("Receipt")
    RECALL = "recall", _("Recall")
    ACCOUNT = "account", _("Account")


class MessageStatus(PublicTextChoices):
    PLANNED = "planned", _("Planned")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    UNCERTAIN = "uncertain", _("Uncertain")  # perhaps it was sent; nobody sends it again by itself
    SUPPRESSED = "suppressed", _("Not sent")
    CANCELLED = "cancelled", _("No longer needed")


S = MessageStatus
MAY_HAVE_ARRIVED = (S.SENDING, S.SENT, S.DELIVERED, S.UNCERTAIN)  # the person knows, or may know


class MessageQuerySet(PracticeQuerySet):
    """The ledger records what happens to its rows itself, so that the trail does not: a message has a dozen changes.
    The trail has whom messages were sent to (notifications/messages/sending.py)."""

    def update(self, **values: Any) -> int:
        if {"practice", "practice_id"} & values.keys():
            raise ScopeError("A row cannot move to another practice.")
        return models.QuerySet.update(self, **values)

    def _record(self, *args: Any, **details: Any) -> None:
        pass

    def due(self, now: datetime) -> "MessageQuerySet":
        return self.filter(status=S.PLANNED, due_at__lte=now).order_by("due_at", "id")


class Message(PracticeModel):
    """One message to one person: at most one for each occurrence, kind and channel.

    `about_id` is what it is about, such as a visit, `occurrence` that in one of its states, such as a visit at one of
    its times, and `says` what the person is told by it, so that nobody is told twice. Address and text are written
    when it is sent: until then they may change. `planned_for` is when it was wanted, `due_at` when it is tried next.
    """

    audited = False  # see MessageQuerySet
    uncounted = True

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), null=True, on_delete=models.CASCADE, related_name="+"
    )
    user = models.ForeignKey(
        "accounts.User", verbose_name=_("user"), null=True, on_delete=models.CASCADE, related_name="+"
    )
    about = models.CharField(max_length=40)
    about_id = models.UUIDField(null=True)
    occurrence = models.CharField(max_length=80)
    says = models.CharField(max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=10, choices=MessageKind.choices)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    status = models.CharField(_("status"), max_length=10, choices=S.choices, default=S.PLANNED)
    why = models.CharField(_("why"), max_length=20, blank=True)  # an UnsentReason (notifications/messages/)
    why_details = models.JSONField(default=dict)  # moments and codes
    planned_for = models.DateTimeField(_("planned for"))
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    started_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(_("sent"), null=True)
    address = EncryptedCharField(_("address"), label="message.address", max_length=254, blank=True, default="")
    address_index = models.BinaryField(max_length=32, null=True, editable=False)  # of a phone number
    subject = EncryptedCharField(_("subject"), label="message.subject", max_length=300, blank=True, default="")
    text = EncryptedTextField(_("text"), label="message.text", max_length=5000, blank=True, default="")
    language = models.CharField(_("language"), max_length=5, blank=True)
    template_version = models.PositiveIntegerField(default=0)  # 0: the text that comes with Praxis
    provider_id = models.CharField(max_length=100, blank=True)

    patient_field = "patient_id"

    objects: ClassVar[PracticeManager] = PracticeManager.from_queryset(MessageQuerySet)()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("message"), _("messages")
        indexes: ClassVar = [
            models.Index(fields=["practice", "due_at"], name="message_due", condition=Q(status=S.PLANNED)),
            models.Index(fields=["practice", "started_at"], name="message_sending", condition=Q(status=S.SENDING)),
            models.Index(fields=["practice", "about_id"], name="message_about"),
            models.Index(
                fields=["practice", "address_index", "id"],
                name="message_address",
                condition=Q(address_index__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "occurrence", "kind", "channel"], name="message_once"),
            models.CheckConstraint(condition=Q(status__in=S.values), name="message_status_known"),
            models.CheckConstraint(condition=Q(kind__in=MessageKind.values), name="message_kind_known"),
            models.CheckConstraint(condition=Q(channel__in=Channel.values), name="message_channel_known"),
            models.CheckConstraint(
                condition=~Q(status__in=[S.SENDING, S.SENT, S.DELIVERED, S.UNCERTAIN]) | Q(started_at__isnull=False),
                name="message_started_at_all",
            ),
        ]

    def __str__(self) -> str:
        return f"Message {str(self.pk)[-6:]}"

    @property
    def reference(self) -> str:
        """What providers send back in their reports."""
        return f"{self.practice_id.hex}{self.pk.hex}"


def parts_of_reference(reference: str) -> tuple[UUID, UUID] | None:
    """Return practice and message; None for what is no reference."""
    try:
        parts = (UUID(hex=reference[:32]), UUID(hex=reference[32:])) if len(reference) == 64 else None
    except ValueError:
        return None
    return parts if parts and parts[0] != INSTALLATION else None
