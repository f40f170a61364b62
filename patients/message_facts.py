"""What is filled into messages about a chart, such as that a registration was confirmed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from notifications.messages.sources import Facts, source
from notifications.messages.unsent_reasons import UnsentReason
from notifications.models import Message
from patients.models import Patient


@source(Patient._meta.label)
def facts_of_charts(messages: Sequence[Message], now: datetime) -> dict[UUID, Facts | UnsentReason]:
    ids = {message.patient_id for message in messages}  # a merge has moved them to the chart that is left
    columns = ("name", "email", "phone", "user_id", "practice__name", "practice__timezone")
    charts = Patient.objects.active().filter(pk__in=ids).select_related("practice").only(*columns)
    known = {chart.pk: _facts(chart) for chart in charts}
    return {message.pk: known[message.patient_id] for message in messages if message.patient_id in known}


def _facts(chart: Patient) -> Facts:
    return Facts(
        email=chart.email if "@" in chart.email else "",  # not the mark of one that cannot be decrypted
        phone=chart.phone,
        region=chart.practice.region,
        zone=chart.practice.tzinfo,
        fields=partial(_fields, chart),
    )


def _fields(chart: Patient, language: str) -> Mapping[str, str]:
    return {"name": chart.name, "practice": chart.practice.name, "link": settings.SITE_URL + reverse("home")}
