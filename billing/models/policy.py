"""What the practice asks for a visit that was missed."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from billing.models.service import Service
from core.tenancy.models import PracticeModel


class BillingPolicy(PracticeModel):
    """The services of the price list that are proposed when a patient does not come or cancels late, which is after the
    practice's shortest notice. Without one, nothing is. `changed_by` is the author of what is proposed."""

    no_show_fee = models.ForeignKey(
        Service, verbose_name=_("fee for a missed visit"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    late_cancellation_fee = models.ForeignKey(
        Service, verbose_name=_("fee for a late cancellation"), null=True, on_delete=models.PROTECT, related_name="+"
    )
    changed_by = models.ForeignKey(User, verbose_name=_("changed by"), on_delete=models.PROTECT, related_name="+")

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("fees for missed visits"), _("fees for missed visits")
        constraints: ClassVar = [models.UniqueConstraint(fields=["practice"], name="billing_policy_once")]
