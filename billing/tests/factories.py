"""Rows of billing, through the services where these keep the rules."""

from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from billing.models import Service


class ServiceFactory(DjangoModelFactory):
    """Use within a practice's scope. 100.00 without tax."""

    class Meta:
        model = Service

    code = factory.Sequence(lambda n: f"S{n}")
    name = factory.Sequence(lambda n: f"Service {n}")
    price = 10_000
    currency = "USD"
    tax_rate = Decimal(0)
