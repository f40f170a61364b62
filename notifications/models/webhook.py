"""Webhooks: where a practice's events are sent, and what became of each."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from core.encryption.fields import EncryptedCharField
from core.tenancy.models import PracticeModel
from notifications.models.job import JobState


class Webhook(PracticeModel):
    """An address to which events of these types are sent, signed with the secret. For a while after a rotation they are
    signed with the one before as well. The address may hold a credential of the other program: it is encrypted."""

    url = EncryptedCharField(_("address"), label="webhook.url", max_length=500)
    events = models.JSONField(_("events"), default=list)
    is_active = models.BooleanField(_("active"), default=True)
    secret = EncryptedCharField(_("secret"), label="webhook.secret", max_length=100)
    old_secret = EncryptedCharField(
        _("earlier secret"), label="webhook.old_secret", max_length=100, blank=True, default=""
    )
    old_secret_until = models.DateTimeField(_("the earlier secret signs until"), null=True)

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("webhook"), _("webhooks")

    def __str__(self) -> str:
        return f"Webhook {str(self.pk)[-6:]}"


class Delivery(PracticeModel):
    """An event that is sent to a webhook: the event itself, and how it went. `about_id` is the changed row."""

    audited = False  # the worker writes it

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event_key = models.UUIDField()
    type = models.CharField(max_length=60)
    about_id = models.UUIDField()
    version = models.PositiveIntegerField(null=True)
    happened_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempted_at = models.DateTimeField(null=True)
    answered = models.PositiveSmallIntegerField(null=True)  # the status of the last answer
    error = models.CharField(max_length=100, blank=True)

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("delivery"), _("deliveries")
        indexes: ClassVar = [models.Index(fields=["webhook", "id"], name="delivery_of_webhook")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "event_key"], name="delivery_once"),
            models.CheckConstraint(
                condition=Q(state__in=(JobState.WAITING, JobState.DONE, JobState.FAILED)), name="delivery_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"Delivery {str(self.pk)[-6:]}"
