"""axe finds nothing on the pages of daily work, the way in and the pages of patients, in light and dark."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.tests.factories import AppointmentFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.tests.factories import FinalisedNoteFactory, NoteFactory
from tests.browser.test_pages import NARROW

WIDE = {"width": 1280, "height": 850}


@pytest.fixture
def addresses(live_server, practice, make_user):
    """Return each role's user and the pages to look at."""
    people = {role: make_user(role) for role in ("admin", "doctor", "staff", "patient")}
    doctor, soon = people["doctor"], timezone.now() + timedelta(hours=2)
    with practice_scope(practice.pk):
        own = PatientFactory(name="Paula Jensen", user=people["patient"], allergies="Penicillin")
        visit = AppointmentFactory(patient=own, doctor=doctor, starts_at=soon, ends_at=soon + timedelta(minutes=30))
        draft = NoteFactory(patient=own, doctor=doctor)
        final = FinalisedNoteFactory(patient=own, doctor=doctor)
    of_chart = {name: reverse(name, args=[own.pk]) for name in ("chart", "chart_contact", "patient_visits", "note-new")}
    return {
        None: (None, ["/", "/password-reset/"]),
        "staff": (people["staff"], ["/calendar/", of_chart["patient_visits"], of_chart["chart_contact"]]),
        "doctor": (
            doctor,
            [
                *("/calendar/", "/my-day/", of_chart["chart"], of_chart["note-new"], "/notes/templates/"),
                *(reverse("note-edit", args=[draft.pk]), reverse("note-edit", args=[final.pk])),
            ],
        ),
        "manager": (
            people["admin"],
            [reverse("messages"), reverse("message_text", args=["reminder", "email", "en"])],
        ),
        "patient": (
            people["patient"],
            [
                *(reverse(name) for name in ("my_page", "me_sessions", "me_password", "me_accesses", "me_messages")),
                *(reverse(name, args=[visit.pk]) for name in ("me_move", "me_cancel")),
            ],
        ),
    }


def test_axe_finds_nothing(page, addresses, live_server, subtests):
    axe = Axe()
    for role, (user, paths) in addresses.items():
        page.context.clear_cookies()
        if user:
            client = Client()
            client.force_login(user)
            cookie = {"name": "praxis_admin", "value": client.cookies["praxis_admin"].value, "sameSite": "Strict"}
            page.context.add_cookies([{**cookie, "url": live_server.url}])
        for path in paths:
            for scheme, size in (("light", WIDE), ("dark", NARROW)):
                with subtests.test(role=role, path=path, scheme=scheme):
                    page.emulate_media(color_scheme=scheme)
                    page.set_viewport_size(size)
                    assert page.goto(path).status == 200
                    found = axe.run(page)
                    assert found.violations_count == 0, found.generate_report()
