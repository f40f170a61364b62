"""From a visit to the cash-up: invoice, link to pay by card, the provider's page, receipt, refund."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from appointments.calendar.links import day_address
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from billing.models import Invoice, ServiceOfType
from billing.tests.factories import ServiceFactory
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory


@pytest.fixture
def visit(live_server, settings, practice, make_user):
    settings.SITE_URL = live_server.url
    now = timezone.now().astimezone(practice.tzinfo)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    begun = max(midnight, now - timedelta(minutes=40))  # of today
    with practice_scope(practice.pk):
        kind = AppointmentTypeFactory()
        ServiceOfType.objects.create(service=ServiceFactory(name="Adjustment", price=12_000), appointment_type=kind)
        chart = PatientFactory(name="Paula Jensen")
        ends = begun + timedelta(minutes=20)
        doctor = make_user("doctor", name="Dr. Daniel Reyes")
        return AppointmentFactory(patient=chart, doctor=doctor, type=kind, starts_at=begun, ends_at=ends)


def test_visit_is_billed_paid_by_card_and_refunded_in_part(page, sign_in, visit, practice):
    """The counts are in docs/billing.md."""
    counted = 0

    def click(role, name, **options):
        nonlocal counted
        counted += 1
        page.get_by_role(role, name=name, **options).first.click()

    sign_in("admin")
    page.goto(day_address(visit))
    counted += 1
    page.locator(f"#v-{visit.pk}").click()
    click("button", "Invoice", exact=True)
    expect(page.get_by_role("heading", name="Draft of an invoice")).to_be_visible()
    click("button", "Issue the invoice")
    expect(page.get_by_text("Still to pay")).to_be_visible()
    invoice_page = page.url
    click("button", "Link to pay by card")
    link = page.locator("a[href*='/pay/cs_console_']")
    expect(link).to_be_visible()
    assert counted == 4  # from the calendar to the link

    link.click()  # the patient, on a phone
    counted = 0
    click("button", "Pay", exact=True)
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert counted == 1

    with practice_scope(practice.pk):
        assert Invoice.objects.with_sums().get().state == "paid"
    page.goto(invoice_page)
    expect(page.get_by_text("Paid", exact=True).first).to_be_visible()
    counted = 0
    page.goto(page.get_by_role("link", name="Paula Jensen").get_attribute("href"))
    click("link", "Payment, Online by card")
    receipt = page.get_by_role("link", name="Print receipt")
    expect(receipt).to_be_visible()
    assert page.request.get(receipt.get_attribute("href")).body().startswith(b"%PDF")
    page.locator("summary", has_text="Refund").click()
    page.get_by_label("Amount").fill("20.00")
    page.get_by_label("Reason").fill("Shorter than booked")
    click("button", "Refund", exact=True)
    expect(page.get_by_text(re.compile("Refunded on"))).to_be_visible()

    page.goto("/billing/reports/takings/")
    row = page.get_by_role("row", name=re.compile("Online by card"))
    expect(row).to_contain_text("120.00 USD")
    expect(row).to_contain_text("100.00 USD")  # what is left
    row.get_by_role("link").first.click()
    expect(page.get_by_role("row", name=re.compile("Paula Jensen"))).to_contain_text("120.00 USD")
