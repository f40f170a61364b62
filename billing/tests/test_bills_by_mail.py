"""Invoices and receipts by e-mail: what the mail says, whom it is not sent to, and that the trail has it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.events import AuditEvent
from audit.models import Event
from billing.payments import services as payments
from notifications.messages import sending
from notifications.messages.settings import say_preference
from notifications.models import How, Message
from patients.models import Patient
from practices.models import Practice


@pytest.fixture
def daytime(practice, settings, monkeypatch):
    """It is noon at the practice, so that mail is not kept for the morning."""
    settings.SITE_URL = "https://praxis.example.org"
    noon = timezone.now().astimezone(practice.tzinfo).replace(hour=12)
    monkeypatch.setattr(timezone, "now", lambda: noon)


@pytest.fixture
def known(chart, make_user):
    """The patient has an account and an address."""
    Patient.objects.filter(pk=chart.pk).update(user=make_user("patient"))
    chart.refresh_from_db()
    chart.name, chart.email = "Paula Jensen", "paula@example.org"
    chart.save()
    return chart


def sent_about(row):
    return [(one.kind, one.status, one.why) for one in Message.objects.filter(about_id=row.pk).order_by("id")]


def test_invoice_is_mailed_from_its_page(daytime, known, bill, enter_as, mailoutbox, monkeypatch, subtests):
    invoice, desk = bill(), enter_as("staff")
    page, button = (reverse(f"billing-invoice{name}", args=[invoice.pk]) for name in ("", "-email"))
    assert desk.post(button).status_code == 302
    assert "on its way" in desk.post(button).content.decode()
    assert sending.send_due() == 1
    (mail,) = mailoutbox
    assert mail.to == ["paula@example.org"] and "Dear Paula Jensen" in mail.body
    assert "https://praxis.example.org/me/bills/" in mail.body
    assert not mail.attachments
    assert "Massage" not in mail.subject + mail.body and "100.00" not in mail.body
    assert sent_about(invoice) == [("invoice", "sent", "")]
    assert "Sent" in desk.get(page).content.decode()
    told = Event.objects.filter(kind=AuditEvent.BILL_MAILED)
    assert [row.about_id for row in told] == [invoice.pk]
    with subtests.test("a second click after it went"):
        again = desk.post(button)
        assert again.status_code == 400 and "a moment ago" in again.content.decode()
        assert len(mailoutbox) == len(sent_about(invoice)) == 1
    with subtests.test("at once to another address"):
        _change(known, email="paula.jensen@example.org")
        assert desk.post(button).status_code == 302
        assert sending.send_due() == 1
        assert mailoutbox.pop().to == ["paula.jensen@example.org"]
    later = timezone.now() + timedelta(minutes=2)
    monkeypatch.setattr(timezone, "now", lambda: later)
    with subtests.test("in the patient's language, and again"):
        say_preference(patient_id=known.pk, how=How.STAFF, language="de")
        assert desk.post(button).status_code == 302
        assert sending.send_due() == 1
        assert "Guten Tag Paula Jensen" in mailoutbox[1].body and "/me/bills/" in mailoutbox[1].body


def test_nobody_is_mailed_who_wants_no_mail_or_can_not_read_it(daytime, known, bill, enter_as, mailoutbox, subtests):
    desk = enter_as("billing")
    say_preference(patient_id=known.pk, how=How.STAFF, channels=["email"], wanted=False)
    for what, prepare, why, said in (
        ("opted out", lambda: None, "opted_out", "opted out of emails"),
        (
            "no address",
            lambda: (
                say_preference(patient_id=known.pk, how=How.STAFF, channels=["email"], wanted=True),
                _change(known, email=""),
            ),
            "no_address",
            "no email in the chart",
        ),
        ("no account", lambda: _change(known, user=None), "no_account", "no account"),
    ):
        with subtests.test(what):
            prepare()
            invoice = bill()
            desk.post(reverse("billing-invoice-email", args=[invoice.pk]))
            sending.send_due()
            assert sent_about(invoice) == [("invoice", "suppressed", why)]
            assert said in desk.get(reverse("billing-invoice", args=[invoice.pk])).content.decode()
    assert mailoutbox == []
    with subtests.test("credited meanwhile"):
        invoice = bill()
        desk.post(reverse("billing-invoice-email", args=[invoice.pk]))
        desk.post(reverse("billing-invoice-credit", args=[invoice.pk]), {"reason": "Wrong"})
        sending.send_due()
        assert sent_about(invoice) == [("invoice", "suppressed", "gone")]
        answer = desk.post(reverse("billing-invoice-email", args=[invoice.pk]))
        assert "credited" in answer.content.decode() and len(sent_about(invoice)) == 1
    assert enter_as("doctor").post(reverse("billing-invoice-email", args=[invoice.pk])).status_code == 403


def _change(chart, **values):
    for name, value in values.items():
        setattr(chart, name, value)
    chart.save()


def test_receipt_is_mailed_and_the_patient_opens_it(daytime, known, biller, enter_as, client, mailoutbox):
    taken = payments.take(by=biller, patient_id=known.pk, amount=Decimal("50.00"), method="cash")
    desk = enter_as("staff")
    assert desk.post(reverse("billing-receipt-email", args=[taken.pk])).status_code == 302
    sending.send_due()
    assert "The receipt:" in mailoutbox[0].body
    assert "Sent" in desk.get(reverse("billing-payment", args=[taken.pk])).content.decode()
    receipt = reverse("me_receipt", args=[taken.pk])
    for link in (reverse("me_bills"), receipt):  # whoever else reads the mail comes no further
        assert client.get(link)["Location"].startswith("/?next=")
    client.force_login(known.user)
    assert receipt in client.get(reverse("me_bills")).content.decode()
    assert client.get(receipt).content.startswith(b"%PDF")
    assert enter_as("patient").get(receipt).status_code == 404


def test_api_plans_the_same_mail_once(known, biller, bill, client_of):
    taken = payments.take(by=biller, patient_id=known.pk, amount=Decimal("50.00"), method="cash")
    api = client_of(biller)
    for kind, address in (("receipt", f"payments/{taken.pk}"), ("invoice", f"invoices/{bill().pk}")):
        answer = api.post(f"/api/{address}/email")
        assert answer.status_code == 201, answer.content
        assert (answer.json()["kind"], answer.json()["channel"], answer.json()["status"]) == (kind, "email", "planned")
        assert api.post(f"/api/{address}/email").status_code == 409
    assert api.post(f"/api/invoices/{bill(issue=False).pk}/email").status_code == 409


def test_terms_of_payment_are_the_practices_when_it_is_issued(practice, bill, enter_as):
    assert (bill().due_on - practice.today()).days == 14
    Practice.objects.filter(pk=practice.pk).update(payment_days=1)
    later = bill()
    assert (later.due_on - practice.today()).days == 1
    Practice.objects.filter(pk=practice.pk).update(payment_days=60)
    desk = enter_as("billing")
    shown = desk.get(reverse("billing-invoice", args=[later.pk])).content.decode()
    assert "Due on" in shown
    assert "60 days after" in desk.get(reverse("billing-invoice", args=[bill(issue=False).pk])).content.decode()
    later.refresh_from_db()
    assert (later.due_on - practice.today()).days == 1
