"""Codes that bring a patient to a doctor and an office."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User
from core.tenancy.managers import InstallationQuerySet
from core.tenancy.models import PracticeModel


class AllPracticesJoinCodeManager(models.Manager.from_queryset(InstallationQuerySet)):  # type: ignore[misc]
    """The codes of every practice, for a person who registers before their practice is known."""


class JoinCode(PracticeModel):
    """A code that brings a patient to a doctor in an office. It is shown once, when it is created; `code_index` is its
    keyed hash, so that a database dump reveals no code."""

    doctor = models.ForeignKey(User, verbose_name=_("doctor"), on_delete=models.PROTECT, related_name="+")
    office = models.ForeignKey("practices.Office", verbose_name=_("office"), on_delete=models.PROTECT, related_name="+")
    code_index = models.BinaryField(unique=True, editable=False)
    made_by = models.ForeignKey(User, verbose_name=_("created by"), on_delete=models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(_("expires at"), null=True)
    most_uses = models.PositiveIntegerField(
        _("maximum uses"), null=True, help_text=_("Leave blank for unlimited uses.")
    )
    uses = models.PositiveIntegerField(_("uses"), default=0)
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True)

    all_practices: ClassVar[AllPracticesJoinCodeManager] = AllPracticesJoinCodeManager()

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("join code"), _("join codes")
        default_manager_name = "objects"
        indexes: ClassVar = [models.Index(fields=["practice", "doctor", "id"], name="join_code_of_doctor")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(most_uses=None) | models.Q(uses__lte=models.F("most_uses")),
                name="join_code_used_no_more_than_it_may_be",
            )
        ]

    def __str__(self) -> str:
        return "Join code"  # part of the id would look like a code

    @property
    def name(self) -> str:
        """The doctor and office it leads to, as its page's heading."""
        return f"{self.doctor.name}, {self.office.name}"
