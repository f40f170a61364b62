"""What is filled into messages about invoices and receipts, when they are sent. Nothing of it is clinical."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse

from billing.messages.services import ABOUT_INVOICES, ABOUT_PAYMENTS
from billing.models import Invoice, LedgerEntry
from notifications.messages.sources import Facts, FactsByMessage, source
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Message
from patients.models import Patient
from practices.models import Office, Practice


@source(ABOUT_INVOICES)
def facts_of_invoices(messages: Sequence[Message], now: datetime) -> FactsByMessage:
    rows = Invoice.objects.with_sums().filter(pk__in={message.about_id for message in messages})
    return _found(messages, {row.pk: row for row in _with_people(rows) if not row.is_credited})


@source(ABOUT_PAYMENTS)
def facts_of_payments(messages: Sequence[Message], now: datetime) -> FactsByMessage:
    rows = LedgerEntry.objects.payments().filter(pk__in={message.about_id for message in messages})
    return _found(messages, {row.pk: row for row in _with_people(rows)})


def _with_people(rows: Any) -> Any:
    return rows.filter(patient__deletion=None).select_related("patient", "practice")


def _found(messages: Sequence[Message], known: Mapping[Any, Any]) -> FactsByMessage:
    office = Office.objects.order_by("id").first()
    found: dict[Any, Facts | UnsentReason] = {}
    for message in messages:
        row = known.get(message.about_id)
        if row is not None:
            found[message.pk] = (
                _facts(row.patient, row.practice, office) if row.patient.user_id else UnsentReason.NO_ACCOUNT
            )
    return found


def _facts(chart: Patient, practice: Practice, office: Office | None) -> Facts:
    return Facts(
        email=chart.email if "@" in chart.email else "",  # not the mark of one that cannot be decrypted
        phone=chart.phone,
        region=practice.region,
        zone=practice.tzinfo,
        fields=_fields(chart, practice, office),
    )


def _fields(chart: Patient, practice: Practice, office: Office | None) -> Callable[[str], Mapping[str, str]]:
    def in_language(language: str) -> Mapping[str, str]:
        link = settings.SITE_URL + reverse("me_bills")
        return {"name": chart.name, "practice": practice.name, "phone": office.phone if office else "", "link": link}

    return in_language
