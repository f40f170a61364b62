"""axe finds nothing on the pages of daily work, the way in and the pages of patients, in light and dark."""

from datetime import timedelta
from decimal import Decimal

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.tests.factories import AppointmentFactory
from audit.context import Origin, coming_from
from billing.invoices import services as invoices
from billing.payments import services as payments
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.forms.services import hand_over
from records.tests.factories import (
    BodyChartFactory,
    FinalisedNoteFactory,
    GoalFactory,
    MeasureFactory,
    NoteFactory,
    PlanFactory,
    asked_form,
    stored_file,
)
from tests.browser.test_pages import NARROW, overflows
from tests.sampling import sample

WIDE = {"width": 1280, "height": 850}
LOOKS = (("light", WIDE), ("dark", NARROW))


@pytest.fixture
def addresses(live_server, practice, make_user):
    """Return each role's user and the pages to look at."""
    people = {role: make_user(role) for role in ("admin", "doctor", "staff", "billing", "patient")}
    doctor, soon = people["doctor"], timezone.now() + timedelta(hours=2)
    with practice_scope(practice.pk):
        own = PatientFactory(name="Paula Jensen", user=people["patient"], allergies="Penicillin")
        visit = AppointmentFactory(patient=own, doctor=doctor, starts_at=soon, ends_at=soon + timedelta(minutes=30))
        draft = NoteFactory(patient=own, doctor=doctor)
        form = asked_form(patient=own, by=people["staff"])
        with coming_from(Origin()):
            code, _ends_at = hand_over(by=people["staff"], form_id=form.pk)
        final = FinalisedNoteFactory(patient=own, doctor=doctor)
        biller, lines = people["billing"], [{"description": "Massage", "unit_price": Decimal("80.00")}]
        bill, unissued = (invoices.write_draft(by=biller, patient_id=own.pk, lines=lines) for _ in range(2))
        invoices.issue(by=biller, invoice_id=bill.pk)
        paid = payments.take(by=biller, patient_id=own.pk, amount=Decimal("90.00"), method="cash")
        MeasureFactory.create_batch(2, patient=own, doctor=doctor)
        BodyChartFactory(patient=own, doctor=doctor)
        plan = GoalFactory(plan=PlanFactory(patient=own, doctor=doctor)).plan
        file = stored_file(patient=own, uploaded_by=doctor)
    names = (
        "chart",
        "chart_contact",
        "chart_files",
        "chart_files_compare",
        "chart_measures",
        "chart_letter",
        "chart_plan_new",
        "chart_body",
        "chart_body_draw",
        "patient_visits",
        "note-new",
    )
    of_chart = {name: reverse(name, args=[own.pk]) for name in names}
    return {
        None: (None, ["/", "/password-reset/", "/tablet/", f"/tablet/{code}/"]),
        "admin": (people["admin"], ["/forms/templates/", "/forms/templates/new/"]),
        "staff": (
            people["staff"],
            [
                *("/calendar/", of_chart["patient_visits"], of_chart["chart_contact"]),
                *(reverse("patient-forms", args=[own.pk]), reverse("form", args=[form.pk])),
            ],
        ),
        "billing": (
            people["billing"],
            [
                *("/billing/", "/billing/visits/", "/billing/prices/", "/billing/prices/new/"),
                *(reverse("billing-invoice", args=[one.pk]) for one in (bill, unissued)),
                *(reverse(f"billing-{name}", args=[own.pk]) for name in ("account", "payment-new")),
                reverse("billing-payment", args=[paid.pk]),
                *(f"/billing/reports/{name}/" for name in ("takings", "revenue", "unpaid", "movements")),
                *("/billing/policy/", reverse("billing-coding", args=[visit.pk])),
                reverse("billing-coverage", args=[own.pk]),
            ],
        ),
        "doctor": (
            doctor,
            [
                *("/calendar/", "/my-day/", of_chart["chart"], of_chart["note-new"], "/notes/templates/"),
                *(reverse("note-edit", args=[draft.pk]), reverse("note-edit", args=[final.pk])),
                *(of_chart[name] for name in ("chart_files", "chart_files_compare", "chart_measures", "chart_letter")),
                *(of_chart["chart_body"], of_chart["chart_body_draw"]),
                *(of_chart["chart_plan_new"], reverse("chart_plan", args=[own.pk, plan.pk])),
                reverse("chart_plan_amend", args=[own.pk, plan.pk]),
                *(reverse("letter-templates"), reverse("letter-template-new")),
                reverse("chart_file", args=[own.pk, file.pk]),
            ],
        ),
        "manager": (
            people["admin"],
            [
                *(reverse("messages"), reverse("message_text", args=["reminder", "email", "en"])),
                *(reverse(name) for name in ("numbers", "numbers-owed", "duplicates", "imports")),
                reverse("import-new", kwargs={"kind": "patients"}),
            ],
        ),
        "patient": (
            people["patient"],
            [
                *(reverse(name) for name in ("my_page", "me_sessions", "me_password", "me_security")),
                *(reverse(name) for name in ("me_accesses", "me_bills", "me_messages")),
                *(reverse(name, args=[visit.pk]) for name in ("me_move", "me_cancel")),
                reverse("me_form", args=[form.pk]),
            ],
        ),
    }


def test_axe_finds_nothing(page, addresses, live_server, subtests):
    visits = [(role, path, look) for role, (_, paths) in addresses.items() for path in paths for look in LOOKS]
    axe, signed_in = Axe(), None
    for role, path, (scheme, size) in sample(visits, 30):
        if role != signed_in:
            _sign_in(page, live_server, addresses[role][0])
            signed_in = role
        with subtests.test(role=role, path=path, scheme=scheme):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(size)
            assert page.goto(path).status == 200
            found = axe.run(page)
            assert found.violations_count == 0, found.generate_report()
            assert size == WIDE or not overflows(page)


def _sign_in(page, live_server, user):
    client = Client()
    client.force_login(user)
    page.context.clear_cookies()
    cookie = {"name": "praxis_admin", "value": client.cookies["praxis_admin"].value, "sameSite": "Strict"}
    page.context.add_cookies([{**cookie, "url": live_server.url}])
