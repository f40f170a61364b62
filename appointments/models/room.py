"""Where visits take place inside an office."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from core.tenancy.versioned import VersionedModel
from core.texts import validate_line
from practices.models import Office


class Room(VersionedModel):
    """A room, or a device that stands in one. The database keeps the visits in it from overlapping, as it does those of
    a doctor (migration 0031). One that was ever used is made inactive and not removed."""

    office = models.ForeignKey(Office, verbose_name=_("office"), on_delete=models.PROTECT, related_name="+")
    name = models.CharField(_("name"), max_length=100, validators=[validate_line])
    is_active = models.BooleanField(_("in use"), default=True, help_text=_("When off, nobody can book it any more."))

    class Meta(VersionedModel.Meta):
        verbose_name, verbose_name_plural = _("room"), _("rooms")
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [models.UniqueConstraint("practice", "office", Lower("name"), name="room_name")]

    def __str__(self) -> str:
        return self.name
