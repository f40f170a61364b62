"""What the tests of the calendar's pages have in common; the day itself is a fixture (conftest.py)."""

from django.urls import reverse

from appointments.models import Appointment
from audit.models import Event
from core.tenancy.scope import practice_scope

CALENDAR = "/calendar/"
MONDAY = "2030-01-07"
NINE = "2030-01-07T14:00:00Z"  # in New York
PART = {"HTTP_HX_REQUEST": "true"}


def slot(day, **fields):
    return {"doctor": day.doctor.pk, "start": NINE, "type": day.kind.pk, "patient": day.chart.pk, **fields}


def events(practice, **filters):
    with practice_scope(practice.pk):
        return list(Event.objects.filter(practice_id=practice.pk, **filters).order_by("id"))


def visits(practice):
    with practice_scope(practice.pk):
        return list(Appointment.objects.order_by("id"))


def change(client, visit, **fields):
    return client.post(reverse("calendar_change", args=[visit.pk]), fields, **PART)


def act(client, visit, action, **fields):
    with practice_scope(visit.practice_id):
        fields = {"version": Appointment.objects.get(pk=visit.pk).version, **fields}
    return client.post(reverse("calendar_act", args=[visit.pk]), {"action": action, **fields}, **PART)
