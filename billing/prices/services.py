"""The price list, and which type of visit brings what to an invoice."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType
from audit import context
from billing.models import Service, ServiceOfType, ServicePrice
from billing.money import to_minor
from billing.prices.serializers import ServiceShape
from core.database.constraints import violation_as_conflict
from core.errors import CHANGED_MEANWHILE, Invalid, StaleVersion
from practices.services import current_practice

PRICED = ("code", "name", "price", "currency", "tax_rate", "tax_included")
CODE_TAKEN = _("There is already a service with this code. Change that one, or choose another code.")
NOT_NEGATIVE = _("Enter an amount that isn't negative.")


def listed() -> QuerySet[Service]:
    """Return the price list in the order of its codes, with the types of visits that bring each service."""
    found: QuerySet[Service] = Service.objects.prefetch_related(
        Prefetch("of_types", ServiceOfType.objects.order_by("id"))
    )
    return found.order_by("code", "id")


def get_service(service_id: UUID) -> Service:
    """Return a service with its prices so far. Raises NotFound."""
    found: Service = (
        listed()
        .prefetch_related(  # type: ignore[attr-defined]
            Prefetch("prices", ServicePrice.objects.order_by("number"))
        )
        .get_or_refuse(pk=service_id)
    )
    return found


@contextmanager
def _saving(by: User) -> Iterator[None]:
    with violation_as_conflict("service_code", CODE_TAKEN), transaction.atomic(), context.done_by(by):
        yield


def add_service(*, by: User, price: Decimal, appointment_type_ids: Iterable[UUID] = (), **fields: Any) -> Service:
    """Add to the price list. Raises Invalid for a price that the practice's currency does not have, NotFound for an
    unknown appointment type, and Conflict for a code that another service has."""
    currency = current_practice().currency
    with _saving(by):
        service = Service(price=_price(price, currency), currency=currency, **fields)
        service.save()
        _keep_price(service, by=by)
        _bring(service, appointment_type_ids)
    return get_service(service.pk)


def change_service(
    *,
    by: User,
    service_id: UUID,
    expected: int | None = None,
    appointment_type_ids: Iterable[UUID] | None = None,
    **changes: Any,
) -> Service:
    """Change the given fields; what was billed keeps its price. Raises what `add_service` raises, NotFound, and
    StaleVersion."""
    with _saving(by):
        service: Service = Service.objects.select_for_update().get_or_refuse(pk=service_id)
        if expected is not None and service.version != expected:
            raise StaleVersion(CHANGED_MEANWHILE, current=ServiceShape.to_dict(get_service(service_id)))
        if "price" in changes:
            changes["price"] = _price(changes["price"], service.currency)
        changes = {name: value for name, value in changes.items() if getattr(service, name) != value}
        for name, value in changes.items():
            setattr(service, name, value)
        if appointment_type_ids is not None:
            _bring(service, appointment_type_ids)
        if changes or appointment_type_ids is not None:
            service.version += 1
            service.save()
        if not set(PRICED).isdisjoint(changes):
            _keep_price(service, by=by)
    return get_service(service_id)


def _price(price: Decimal, currency: str) -> int:
    if price < 0:
        raise Invalid("price", NOT_NEGATIVE)
    return to_minor(price, currency, field="price")


def _keep_price(service: Service, *, by: User) -> None:
    number = ServicePrice.objects.filter(service=service).count() + 1  # the service is locked
    ServicePrice.objects.create(
        service=service, number=number, author=by, **{name: getattr(service, name) for name in PRICED}
    )


def _bring(service: Service, type_ids: Iterable[UUID]) -> None:
    """Let visits of these types and no others bring the service."""
    there = {link.appointment_type_id: link for link in service.of_types.all()}
    wanted = set(type_ids)
    for type_id in sorted(there.keys() - wanted):
        there[type_id].delete()
    for type_id in sorted(wanted - there.keys()):
        ServiceOfType.objects.create(
            service=service, appointment_type=AppointmentType.objects.get_or_refuse(pk=type_id)
        )
