"""Emergency accesses to restricted charts."""

from typing import ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, display_name
from core.encryption.fields import EncryptedTextField
from core.tenancy.compiled import now
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.models import PracticeModel
from patients.models.patient import Patient


class EmergencyAccessQuerySet(PracticeQuerySet):
    def live(self) -> Self:
        return self.filter(expires_at__gt=now())

    def pending_review(self) -> Self:
        return self.filter(reviewed_at=None)

    def reviewed(self) -> Self:
        return self.exclude(reviewed_at=None)

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_people(self) -> Self:
        """Fetch the names that a list shows in one query."""
        return self.select_related("patient", "opened_by", "reviewed_by").defer("patient__search_index")


class EmergencyAccessManager(PracticeManager.from_queryset(EmergencyAccessQuerySet)):  # type: ignore[misc]
    pass


class EmergencyAccess(PracticeModel):
    """One person's access to a restricted chart by breaking the glass, until `expires_at` (45 CFR 164.312(a)(2)(ii)).

    An admin then has to review it and sign it off. `alerted_at` is when the email to the admins was sent.

    The database keeps two accesses of one person to one chart from overlapping: an exclusion constraint on PostgreSQL,
    triggers on SQLite (migration 0004).
    """

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    opened_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    reason = EncryptedTextField(_("reason"), label="emergency.reason", max_length=2000)
    expires_at = models.DateTimeField(_("expires at"))
    alerted_at = models.DateTimeField(null=True)
    reviewed_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    reviewed_at = models.DateTimeField(null=True)
    note = EncryptedTextField(_("note"), label="emergency.note", max_length=2000, blank=True)

    audited = False  # patients/restriction/services.py logs its own events
    patient_field = "patient_id"

    objects: ClassVar[EmergencyAccessManager] = EmergencyAccessManager()

    class Meta(PracticeModel.Meta):
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        indexes: ClassVar = [
            models.Index(fields=["practice", "id"], name="emergency_page"),
            models.Index(fields=["practice", "id"], condition=models.Q(reviewed_at=None), name="emergency_waiting"),
            models.Index(fields=["opened_by", "expires_at"], name="emergency_live"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("created_at")), name="emergency_ends_after_start"
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by=None, reviewed_at=None)
                | models.Q(reviewed_by__isnull=False, reviewed_at__isnull=False),
                name="emergency_review_is_whole",
            ),
            models.CheckConstraint(
                condition=models.Q(reviewed_by=None) | ~models.Q(reviewed_by=models.F("opened_by")),
                name="emergency_reviewed_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return f"Emergency access {str(self.pk)[-6:]}"

    @property
    def reviewed_by_name(self) -> str | None:
        """The name of the person who signed it off, or None; use with `with_people`."""
        return None if self.reviewed_at is None else display_name(self.reviewed_by)
