"""The clinic of the whole days (test_whole_days.py), the looks in which they are done, and what each of them does."""

from datetime import timedelta
from itertools import product
from types import SimpleNamespace

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory, WorkingHoursFactory
from billing.models import ServiceOfType
from billing.tests.factories import ServiceFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import (
    FinalisedNoteFactory,
)
from tests.sampling import sample

LOOKS = [(width, scheme) for width, scheme in product((320, 768, 1280), ("light", "dark"))]
PASSWORD = "Passw0rd!"
DROP = """(zone, files) => {
  const transfer = new DataTransfer()
  for (const [name, bytes] of files) transfer.items.add(new File([new Uint8Array(bytes)], name, { type: 'image/png' }))
  for (const type of ['dragover', 'drop']) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }))
  }
}"""


def in_some_look(number):
    """One of the looks in each run, and for each day another."""
    return pytest.mark.parametrize("look", sample(LOOKS[number:] + LOOKS[:number], 1), ids=str, indirect=True)


@pytest.fixture
def look(request, page):
    width, scheme = request.param
    page.set_viewport_size({"width": width, "height": 850})
    page.emulate_media(color_scheme=scheme)
    return page


@pytest.fixture
def clinic(live_server, settings, practice, make_user):
    """A doctor with a visit of today, its type on the price list, and a patient who has a page of their own."""
    settings.SITE_URL = live_server.url
    now = timezone.now().astimezone(practice.tzinfo)
    begun = max(now.replace(hour=0, minute=0, second=0, microsecond=0), now - timedelta(minutes=40))  # of today
    doctor, user = make_user("doctor", name="Dr. Daniel Reyes"), make_user("patient", name="Paula Jensen")
    with practice_scope(practice.pk):
        for weekday in range(7):
            WorkingHoursFactory(doctor=doctor, weekday=weekday)
        kind = AppointmentTypeFactory(name="Follow-up")
        ServiceOfType.objects.create(service=ServiceFactory(name="Adjustment", price=12_000), appointment_type=kind)
        chart = PatientFactory(name="Paula Jensen", user=user, primary_doctor=doctor, date_of_birth="1984-03-09")
        booked = {"patient": chart, "doctor": doctor, "type": kind, "reason": "Follow-up"}
        visit = AppointmentFactory(**booked, starts_at=begun, ends_at=begun + timedelta(minutes=20))
        later = (timezone.now() + timedelta(days=10)).replace(hour=15, minute=0, second=0, microsecond=0)
        AppointmentFactory(**booked, starts_at=later, ends_at=later + timedelta(minutes=30))
        FinalisedNoteFactory(patient=chart, doctor=doctor, date=begun - timedelta(days=7), plan="Stretching")
    return SimpleNamespace(practice=practice, doctor=doctor, user=user, chart=chart, visit=visit, kind=kind)


def sign_in(page, user):
    """Through the sign-in page, as everybody does."""
    page.goto("/")
    page.get_by_label("Email").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_have_count(0)


def kept(clinic, model):
    with practice_scope(clinic.practice.pk):
        return list(model.objects.order_by("id"))


def on_paper(page, name):
    """Open what is printed, which the browser's viewer shows, and return it."""
    address = page.get_by_role("link", name=name).first.get_attribute("href")
    answer = page.request.get(address)
    assert answer.headers["content-type"] == "application/pdf"
    return answer.body()
