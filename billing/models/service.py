"""The price list: what the practice bills for, and what it cost when."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType
from core.tenancy.models import PracticeModel
from core.texts import validate_line


class Priced(PracticeModel):
    """What has a code, a name and a price. The price is in minor units of the currency."""

    code = models.CharField(_("code"), max_length=20, validators=[validate_line])
    name = models.CharField(_("name"), max_length=200, validators=[validate_line])
    price = models.BigIntegerField(_("price"))
    currency = models.CharField(_("currency"), max_length=3, editable=False)
    tax_rate = models.DecimalField(_("tax rate"), max_digits=6, decimal_places=3, default=0)
    tax_included = models.BooleanField(_("the price includes the tax"), default=False)

    class Meta(PracticeModel.Meta):
        abstract = True


class Service(Priced):
    """A service of the price list, under a code of the practice's own or CPT. One that is no longer offered is made
    inactive and not removed. Each change of what it costs or is called is kept as a ServicePrice."""

    is_active = models.BooleanField(_("offered"), default=True)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)

    unlogged_fields: ClassVar = {"version"}  # it changes with any other

    class Meta(Priced.Meta):
        verbose_name, verbose_name_plural = _("service"), _("services")
        constraints: ClassVar = [
            models.UniqueConstraint("practice", Lower("code"), name="service_code"),
            models.CheckConstraint(condition=Q(price__gte=0), name="service_price_sensible"),
            models.CheckConstraint(condition=Q(tax_rate__gte=0, tax_rate__lte=100), name="service_tax_rate_sensible"),
        ]


class ServicePrice(Priced):
    """What a service cost from a moment on. Never changes: the database refuses it (migration 0002)."""

    service = models.ForeignKey(Service, verbose_name=_("service"), on_delete=models.PROTECT, related_name="prices")
    number = models.PositiveIntegerField(_("number"))
    author = models.ForeignKey(User, verbose_name=_("changed by"), on_delete=models.PROTECT, related_name="+")

    class Meta(Priced.Meta):
        verbose_name, verbose_name_plural = _("price of a service"), _("prices of services")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "service", "number"], name="service_price_numbers"),
        ]


class ServiceOfType(PracticeModel):
    """A service that a visit of this type brings to an invoice."""

    service = models.ForeignKey(Service, verbose_name=_("service"), on_delete=models.CASCADE, related_name="of_types")
    appointment_type = models.ForeignKey(
        AppointmentType, verbose_name=_("appointment type"), on_delete=models.CASCADE, related_name="+"
    )

    class Meta(PracticeModel.Meta):
        verbose_name, verbose_name_plural = _("service of a type"), _("services of types")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "service", "appointment_type"], name="service_of_type_once"),
        ]
