"""What patients, or who acts for them, ask of the practice about their data."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import User, display_name
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from patients.models.patient import Patient


class RequestKind(models.TextChoices):
    EXPORT = "export", _("Copy of the chart")
    ERASURE = "erasure", _("Erasure")


class RequestState(models.TextChoices):
    OPEN = "open", _("Open")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")


class RefusalReason(models.TextChoices):
    """Words from a list and no free text: what is kept when the chart is gone must not tell of the patient."""

    IDENTITY = "identity", _("The person could not be identified")
    NO_RIGHT = "no_right", _("The person may not ask for this patient")
    RETENTION = "retention", _("The record has to be kept by law")
    HOLD = "hold", _("The chart is on legal hold")
    WITHDRAWN = "withdrawn", _("The request was taken back")


class PrivacyRequestQuerySet(PracticeQuerySet):
    def with_people(self) -> Self:
        """Fetch the names that a list shows. A join would leave out what a platform superuser answered."""
        return self.select_related("patient").prefetch_related("handled_by").defer("patient__search_index")


class PrivacyRequest(PracticeModel):
    """A request for a copy of a chart, or for its erasure. It outlives the chart, without saying whose it was: that it
    was answered in time has to be shown later."""

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    kind = models.CharField(_("request"), max_length=10, choices=RequestKind.choices)
    received_on = models.DateField(_("received"))
    due_on = models.DateField(_("due"))
    state = models.CharField(_("status"), max_length=10, choices=RequestState.choices, default=RequestState.OPEN)
    refusal = models.CharField(_("why refused"), max_length=10, choices=RefusalReason.choices, blank=True, default="")
    entered_by = models.ForeignKey(
        User, verbose_name=_("entered by"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    handled_by = models.ForeignKey(
        User, verbose_name=_("answered by"), null=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    handled_at = models.DateTimeField(_("answered"), null=True, editable=False)

    patient_field = "patient_id"

    objects: ClassVar[Any] = PracticeManager.from_queryset(PrivacyRequestQuerySet)()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("privacy request"), _("privacy requests")
        indexes: ClassVar = [models.Index(fields=["practice", "state", "due_on", "id"], name="privacy_request_due")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(kind__in=RequestKind.values), name="privacy_request_kind_known"),
            models.CheckConstraint(condition=Q(due_on__gte=models.F("received_on")), name="privacy_request_due_after"),
            models.CheckConstraint(
                condition=Q(state=RequestState.OPEN, handled_at=None, handled_by=None, refusal="")
                | Q(state=RequestState.DONE, handled_at__isnull=False, handled_by__isnull=False, refusal="")
                | Q(state=RequestState.REFUSED, handled_at__isnull=False, handled_by__isnull=False) & ~Q(refusal=""),
                name="privacy_request_answered_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Privacy request {str(self.pk)[-6:]}"

    @property
    def is_open(self) -> bool:
        return self.state == RequestState.OPEN

    @property
    def handled_by_name(self) -> str:
        return display_name(getattr(self, "handled_by", None)) if self.handled_by_id else ""
