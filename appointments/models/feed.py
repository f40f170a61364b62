"""Calendar feeds: the secret address under which a doctor's or a patient's calendar program reads their visits."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from core.tenancy.models import PracticeModel


class CalendarFeed(PracticeModel):
    """The feed of one person, if they want one. Only a hash of its secret is stored; a new one replaces it."""

    user = models.OneToOneField(User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="+")
    secret_hash = models.BinaryField(_("hash of the secret"), max_length=32, editable=False)

    unlogged_fields: ClassVar = {"secret_hash"}  # a new secret is a new row

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("calendar feed"), _("calendar feeds")
