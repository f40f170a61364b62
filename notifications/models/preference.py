"""How a practice writes to people, and how a patient wants to be written to."""

from datetime import time
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from core.tenancy.models import PracticeModel
from notifications.models.message import Channel, MessageKind

LONGEST_SUBJECT, LONGEST_SMS, LONGEST_EMAIL = 200, 480, 5000  # characters


class MessageLanguage(PublicTextChoices):
    ENGLISH = "en", _("English")
    GERMAN = "de", _("German")


def default_notices() -> dict[str, list[str]]:
    """Return by which channels each kind goes out."""
    return {
        MessageKind.BOOKED: [Channel.EMAIL],
        MessageKind.MOVED: [Channel.EMAIL],
        MessageKind.CANCELLED: [Channel.EMAIL],
        MessageKind.OFFER: [Channel.EMAIL, Channel.SMS],
        MessageKind.REGISTERED: [Channel.EMAIL],
        MessageKind.INVOICE: [Channel.EMAIL],
        MessageKind.RECEIPT: [Channel.EMAIL],
        MessageKind.RECALL: [Channel.EMAIL],
    }


def default_reminders() -> dict[str, dict[str, int | None]]:
    """Return how many hours before a visit each channel reminds of it; `""` stands for every type of visit that has no
    entry of its own."""
    return {"": {Channel.EMAIL: 72, Channel.SMS: 24}}


class MessageSettings(PracticeModel):
    """What a practice sends, and when not. A practice without a row has the defaults."""

    language = models.CharField(
        _("language"), max_length=2, choices=MessageLanguage.choices, default=MessageLanguage.ENGLISH
    )
    notices = models.JSONField(_("notices"), default=default_notices)
    reminders = models.JSONField(_("reminders"), default=default_reminders)
    recalls = models.JSONField(_("recalls"), default=dict, blank=True)  # months after the last visit, by its type's id
    recalls_since = models.JSONField(
        _("recalls since"), default=dict, editable=False
    )  # when each of these was set, in ISO 8601
    quiet_from = models.TimeField(_("quiet from"), default=time(20))
    quiet_until = models.TimeField(_("quiet until"), default=time(8))
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    unlogged_fields: ClassVar = {"version", "recalls_since"}

    class Meta(PracticeModel.Meta):
        verbose_name = verbose_name_plural = _("settings of messages")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice"], name="message_settings_once"),
            models.CheckConstraint(
                condition=Q(language__in=MessageLanguage.values), name="message_settings_language_known"
            ),
        ]

    def hours_before(self, type_id: object) -> dict[str, int | None]:
        """Return how many hours before a visit of this type each channel reminds of it."""
        found: dict[str, int | None] = {**self.reminders.get("", {}), **self.reminders.get(str(type_id or ""), {})}
        return found

    def channels_of(self, kind: str) -> list[str]:
        return list(self.notices.get(kind, []))


class MessageTemplate(PracticeModel):
    """A practice's own text. Without one, a message has the text that comes with Praxis
    (notifications/messages/texts.py)."""

    kind = models.CharField(_("kind"), max_length=10, choices=MessageKind.choices)
    channel = models.CharField(_("channel"), max_length=5, choices=Channel.choices)
    language = models.CharField(_("language"), max_length=2, choices=MessageLanguage.choices)
    subject = models.CharField(_("subject"), max_length=LONGEST_SUBJECT, blank=True)
    text = models.TextField(_("text"), max_length=LONGEST_EMAIL)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    unlogged_fields: ClassVar = {"version"}

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("text of messages"), _("texts of messages")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "kind", "channel", "language"], name="message_template_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.channel} {self.language}"


class How(models.TextChoices):
    """How somebody said that they want no messages."""

    STAFF = "staff", _("at the practice")
    PATIENT = "patient", _("on their own page")
    STOP = "stop", _("by replying STOP")
    PROVIDER = "provider", _("as the provider reports")


class MessagePreference(PracticeModel):
    """How one patient wants to be written to. Nobody without a row has said anything."""

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.CASCADE, related_name="+"
    )
    language = models.CharField(_("language"), max_length=2, choices=MessageLanguage.choices, blank=True)
    no_email_since = models.DateTimeField(_("no email since"), null=True)
    no_email_how = models.CharField(_("said how, of emails"), max_length=8, choices=How.choices, blank=True)
    no_sms_since = models.DateTimeField(_("no text messages since"), null=True)
    no_sms_how = models.CharField(_("said how, of text messages"), max_length=8, choices=How.choices, blank=True)

    patient_field = "patient_id"

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("wishes about messages"), _("wishes about messages")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "patient"], name="message_preference_once"),
        ]

    def refused_since(self, channel: str) -> Any:
        """Return since when the patient wants nothing by this channel; None if they never said so."""
        return self.no_sms_since if channel == Channel.SMS else self.no_email_since

    def set(self, channel: str, *, since: Any, how: str) -> None:
        setattr(self, f"no_{channel}_since", since)
        setattr(self, f"no_{channel}_how", how if since else "")
