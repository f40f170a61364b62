"""Paying online: the link, what the provider tells, refunds, and what is the same there and here."""

import threading
import time
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from urllib.parse import parse_qs

import orjson
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from billing.invoices import services as invoices
from billing.models import Checkout, Invoice, LedgerEntry, OnlineRefund
from billing.online import services
from billing.payments import services as payments
from core.errors import Conflict, Refusal, Unavailable
from core.tenancy.scope import practice_scope
from integrations.payments import CheckoutSession, stripe
from integrations.tests.speaking import answer, speaking
from patients.tests.factories import PatientFactory

SECRET = "whsec_test"
WEBHOOK = "/api/payments/stripe/webhook"


@pytest.fixture
def at_stripe(settings):
    """`at_stripe(server)`: payments go through this server."""
    settings.PAYMENTS_PROVIDER, settings.PAYMENTS_LIVE = "stripe", False
    settings.STRIPE_SECRET_KEY, settings.STRIPE_WEBHOOK_SECRET = "sk_test_12345678", SECRET
    settings.PROVIDER_TIMEOUT = 20

    def use(server):
        settings.STRIPE_API_URL = server.url

    return use


def page(name="cs_test_1", **fields):
    said = {"id": name, "url": f"https://checkout.stripe.com/c/{name}", "livemode": False, "status": "open", **fields}
    return answer(200, orjson.dumps(said))


def told(checkout, name="evt_1", kind="completed", *, live=False, **fields):
    session = {
        "id": checkout.session,
        "amount_total": checkout.amount,
        "currency": checkout.currency.lower(),
        "livemode": live,
        "metadata": {"checkout": str(checkout.pk), "practice": str(checkout.practice_id)},
        "payment_intent": "pi_1",
        "payment_status": "paid" if kind != "expired" else "unpaid",
        **fields,
    }
    event = {"id": name, "type": f"checkout.session.{kind}", "livemode": live, "data": {"object": session}}
    return orjson.dumps(event)


def call(client, body, *, moment=None, secret=SECRET):
    moment = int(time.time()) if moment is None else moment
    header = f"t={moment},v1={'0' * 64},v1={stripe.signed(body, moment, secret)}"
    return client.post(WEBHOOK, body, content_type="application/json", headers={"Stripe-Signature": header})


def state():
    invoice = Invoice.objects.with_sums().get()
    return invoice.state, invoice.open, LedgerEntry.objects.payments().count()


@pytest.fixture
def link(at_stripe, bill, biller):
    """`link("100.00")`: the page for an invoice of so much."""

    def make(price="100.00"):
        invoice = bill(price)
        with speaking(page()) as server:
            at_stripe(server)
            return services.pay_link(by=biller, invoice_id=invoice.pk)

    return make


def test_page_is_asked_for_once_and_names_nobody(at_stripe, bill, biller, chart):
    invoice = bill("100.00")
    with speaking(page()) as server:
        at_stripe(server)
        first = services.pay_link(by=biller, invoice_id=invoice.pk)
        assert services.pay_link(by=biller, invoice_id=invoice.pk) == first
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    fields = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    assert f"Idempotency-Key: checkout-{first.pk}".encode() in head and b"Bearer sk_test_" in head
    assert fields["line_items[0][price_data][unit_amount]"] == "10000"
    assert invoice.number in fields["line_items[0][price_data][product_data][name]"]
    assert chart.name not in body.decode()
    payments.take(by=biller, patient_id=chart.pk, amount=Decimal("40.00"), method="cash",
                  allocations=[{"invoice_id": invoice.pk, "amount": Decimal("40.00")}])  # fmt: skip
    with speaking(answer(200, b'{"id": "cs_test_1"}'), page("cs_test_2")) as server:  # the old page is closed
        at_stripe(server)
        second = services.pay_link(by=biller, invoice_id=invoice.pk)
    assert (second.amount, second.session) == (6_000, "cs_test_2")
    assert b"POST /v1/checkout/sessions/cs_test_1/expire" in server.requests[0]


def test_failures_of_the_provider_leave_nothing_behind(subtests, at_stripe, bill, biller, settings):
    invoice, waiting = bill("100.00"), threading.Event()
    for name, said, refusal in (
        ("too many calls", answer(429, b"{}"), Unavailable),
        ("its fault", answer(500, b"oops"), Unavailable),
        ("half an answer", answer(200, b'{"id": "cs_te'), Unavailable),
        ("a cut answer", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", Unavailable),
        ("no answer", lambda wire: waiting.wait(1), Unavailable),
        ("wrong key", answer(401, b'{"error": {"type": "invalid_request_error"}}'), Conflict),
        ("refused", answer(400, b'{"error": {"code": "amount_too_small"}}'), Conflict),
    ):
        settings.PROVIDER_TIMEOUT = 0.2 if name == "no answer" else 20
        with subtests.test(name), speaking(said) as server:
            at_stripe(server)
            with pytest.raises(refusal):
                services.pay_link(by=biller, invoice_id=invoice.pk)
            assert not Checkout.objects.exists()
    with subtests.test("nobody there"), pytest.raises(Unavailable):
        settings.STRIPE_API_URL = "http://127.0.0.1:1"
        services.pay_link(by=biller, invoice_id=invoice.pk)


def test_webhook_books_once_in_any_order(link, client):
    checkout = link()
    body = told(checkout)
    assert call(client, told(checkout, "evt_0", "expired")).status_code == 204  # late, or first
    for _ in range(2):
        assert call(client, body).status_code == 204
    assert call(client, told(checkout, "evt_2", "async_payment_succeeded")).status_code == 204
    assert call(client, told(checkout, "evt_3", "expired")).status_code == 204
    assert state() == ("paid", 0, 1)
    payment = LedgerEntry.objects.payments().get()
    assert (payment.pk, payment.method, payment.amount) == (checkout.pk, "stripe", -10_000)
    assert Checkout.objects.get().state == "paid"


def test_webhook_refuses_what_it_should(subtests, link, client, settings):
    checkout, now = link(), int(time.time())
    body = told(checkout)
    for name, wrong in (
        ("other secret", {"secret": "whsec_other"}),
        ("old", {"moment": now - 400}),
        ("from the future", {"moment": now + 400}),
    ):
        with subtests.test(name):
            assert call(client, body, **wrong).status_code == 403
    with subtests.test("changed body"):
        header = f"t={now},v1={stripe.signed(body, now, SECRET)}"
        sent = body.replace(b"10000", b"10001")
        headers = {"Stripe-Signature": header}
        assert client.post(WEBHOOK, sent, content_type="application/json", headers=headers).status_code == 403
        assert client.post(WEBHOOK, body, content_type="application/json").status_code == 403
    with subtests.test("real money on an installation for tests"):
        assert call(client, told(checkout, live=True)).status_code == 400
    with subtests.test("another currency"):
        assert call(client, told(checkout, currency="eur")).status_code == 400
    with subtests.test("no event"):
        assert call(client, b"[]").status_code == 400
    with subtests.test("somebody else's"):
        for metadata in ({}, {"checkout": "x", "practice": "y"}, {"practice": str(checkout.practice_id)}):
            assert call(client, told(checkout, f"evt_{len(metadata)}", metadata=metadata)).status_code == 204
    assert state() == ("issued", 10_000, 0)
    settings.STRIPE_WEBHOOK_SECRET = ""
    assert call(client, body, secret="").status_code == 403


def test_paid_at_the_desk_meanwhile_stays_as_credit(link, client, biller, chart):
    checkout = link()
    parts = [{"invoice_id": checkout.invoice_id, "amount": Decimal("70.00")}]
    payments.take(by=biller, patient_id=chart.pk, amount=Decimal("70.00"), method="cash", allocations=parts)
    assert call(client, told(checkout)).status_code == 204
    assert state() == ("paid", 0, 2)
    assert payments.get_payment(by=biller, payment_id=checkout.pk).left == 7_000


def test_refund_goes_to_the_card_once(subtests, link, client, biller, at_stripe, settings):
    checkout = link()
    call(client, told(checkout))

    def refund(*said, amount="30.00"):
        with speaking(*said) as server:
            at_stripe(server)
            try:
                payments.refund(by=biller, payment_id=checkout.pk, amount=Decimal(amount), reason="Too long")
            finally:
                keys.extend(line for one in server.requests for line in one.split(b"\r\n") if b"Idempotency" in line)

    def reconciled_later():
        OnlineRefund.objects.update(updated_at=asked.updated_at - timedelta(hours=1))
        out = StringIO()
        with speaking(answer(200, b'{"data": []}')) as server, pytest.raises(CommandError):
            at_stripe(server)
            call_command("reconcile_payments", stdout=out)
        return out.getvalue()

    keys = []
    with pytest.raises(Unavailable):
        refund(answer(500))
    assert not LedgerEntry.objects.filter(kind="refund").exists()
    with pytest.raises(Conflict, match=r"30\.00 to the card was not answered"):
        refund(amount="20.00")
    with pytest.raises(Conflict):
        payments.refund(
            by=biller, payment_id=checkout.pk, amount=Decimal("5.00"), reason="In cash instead", method="cash"
        )
    refund(answer(200, b'{"id": "re_1", "status": "succeeded"}'))
    refund(answer(200, b'{"id": "re_2", "status": "pending"}'))
    assert keys[0] == keys[1] != keys[2]  # again after no answer; then another refund of as much
    assert payments.get_payment(by=biller, payment_id=checkout.pk).refunded == 6_000
    with pytest.raises(Conflict):
        refund(answer(400, b'{"error": {"code": "charge_already_refunded"}}'), amount="1.00")
    assert not OnlineRefund.objects.exists()
    with subtests.test("no answer, and asked again when the provider has forgotten the key"):
        with pytest.raises(Unavailable):
            refund(answer(500), amount="2.00")
        asked = OnlineRefund.objects.get()
        assert f"Refund {asked.pk}" in reconciled_later()
        OnlineRefund.objects.update(created_at=asked.created_at - timedelta(days=2))
        rows = [{"metadata": {"refund": str(asked.pk)}, "status": "succeeded"}]
        refund(answer(200, orjson.dumps({"data": rows})), amount="2.00")  # it looks, and asks for nothing
        assert payments.get_payment(by=biller, payment_id=checkout.pk).refunded == 6_200
        assert LedgerEntry.objects.filter(pk=asked.pk, kind="refund").exists()
    settings.PAYMENTS_LIVE = True
    with pytest.raises(Conflict, match="real or for tests"):
        refund(amount="1.00")


@pytest.fixture
def refund_of(at_stripe, biller, settings):
    """`refund_of(checkout, answer(500))`: refund 30.00 of it while Stripe says this, or can't be reached if it says
    nothing. Returns the idempotency keys that were sent."""

    def refund(checkout, *said):
        with speaking(*said) as server:
            at_stripe(server)
            if not said:
                settings.STRIPE_API_URL = "http://127.0.0.1:1"
            with suppress(Refusal):
                payments.refund(by=biller, payment_id=checkout.pk, amount=Decimal("30.00"), reason="Too long")
        return [line for one in server.requests for line in one.split(b"\r\n") if b"Idempotency" in line]

    return refund


DONE = answer(200, b'{"id": "re_1", "status": "succeeded"}')
REFUSED = answer(400, b'{"error": {"code": "charge_disputed"}}')


def test_refund_without_an_answer_is_not_forgotten_by_later_attempts(link, client, refund_of, subtests):
    checkout = link()
    call(client, told(checkout))
    keys = refund_of(checkout, answer(500))
    for name, *said in (("not reached",), ("wrong key", answer(401, b"{}")), ("busy", answer(429, b"{}"))):
        with subtests.test(name):
            keys += refund_of(checkout, *said)
            assert OnlineRefund.objects.count() == 1
    with subtests.test("its list is refused when the key is no longer kept"):
        asked = OnlineRefund.objects.get()
        OnlineRefund.objects.update(created_at=asked.created_at - timedelta(days=2))
        refund_of(checkout, REFUSED)
        assert OnlineRefund.objects.get() == asked
        OnlineRefund.objects.update(created_at=asked.created_at)
    keys += refund_of(checkout, DONE)
    assert len(keys) == 4 and len(set(keys)) == 1
    assert LedgerEntry.objects.get(kind="refund").pk == asked.pk and not OnlineRefund.objects.exists()
    with subtests.test("the one attempt, surely not done"):
        for said in ((), (REFUSED,)):
            refund_of(checkout, *said)
            assert not OnlineRefund.objects.exists()
    with subtests.test("not in its list, and refused"):
        refund_of(checkout, answer(500))
        OnlineRefund.objects.update(created_at=asked.created_at - timedelta(days=2))
        refund_of(checkout, answer(200, b'{"data": []}'), REFUSED)
        assert not OnlineRefund.objects.exists()


def test_page_sends_the_refund_without_an_answer_again(link, client, refund_of, at_stripe, enter_as):
    checkout = link()
    call(client, told(checkout))
    desk, sent = enter_as("billing"), {"amount": "30.00", "reason": "Too long"}
    shown, form = (reverse(f"billing-{name}", args=[checkout.pk]) for name in ("payment", "refund"))

    def offered(page):
        return page.context["refund_id"]

    old = offered(desk.get(shown))
    refund_of(checkout, answer(500))
    asked = OnlineRefund.objects.get().pk
    refused = desk.post(form, {**sent, "refund_id": old})  # opened before: under its own id it would be another one
    assert refused.status_code == 400 and "was not answered yet" in refused.content.decode()
    assert offered(refused) == offered(desk.get(shown)) == asked
    with speaking(DONE) as server:
        at_stripe(server)
        for _twice in range(2):
            assert desk.post(form, {**sent, "refund_id": asked}).status_code == 302
    assert LedgerEntry.objects.get(kind="refund").pk == asked


def test_another_amount_after_a_refusal_is_another_refund(link, client, at_stripe, enter_as, client_of, biller):
    """For Stripe the same key with another amount is a mistake, for a day."""
    checkout = link()
    call(client, told(checkout))
    desk, api = enter_as("billing"), client_of(biller)
    form = reverse("billing-refund", args=[checkout.pk])

    def on_page(amount, refund_id):
        page = desk.post(form, {"amount": amount, "reason": "Too long", "refund_id": refund_id})
        return page.context["refund_id"] if page.status_code == 400 else None

    def by_api(amount):
        body, headers = {"amount": amount, "reason": "Too long"}, {"Idempotency-Key": "k1"}
        address = f"/api/payments/{checkout.pk}/refund"
        return api.post(address, body, content_type="application/json", headers=headers).status_code

    with speaking(REFUSED, DONE, REFUSED, DONE) as server:
        at_stripe(server)
        shown = desk.get(reverse("billing-payment", args=[checkout.pk])).context["refund_id"]
        assert on_page("30.00", on_page("40.00", shown)) is None
        assert [by_api("20.00"), by_api("10.00")] == [409, 200]
    keys = [line for one in server.requests for line in one.split(b"\r\n") if b"Idempotency" in line]
    assert len(set(keys)) == 4
    assert payments.get_payment(by=biller, payment_id=checkout.pk).refunded == 4_000


def test_credit_is_not_spent_while_its_refund_is_under_way(link, client, refund_of, bill, biller, chart, enter_as):
    checkout = link()
    parts = [{"invoice_id": checkout.invoice_id, "amount": Decimal("100.00")}]
    payments.take(by=biller, patient_id=chart.pk, amount=Decimal("100.00"), method="cash", allocations=parts)
    call(client, told(checkout))  # all of it is credit
    later = bill("100.00")
    refund_of(checkout, answer(500))
    with pytest.raises(Conflict, match="no credit"):
        payments.use_credit(by=biller, invoice_id=later.pk)
    with pytest.raises(Conflict, match="not answered yet"):
        payments.allocate(
            by=biller,
            payment_id=checkout.pk,
            allocations=[{"invoice_id": later.pk, "amount": Decimal("100.00")}],
        )
    assert (
        "with the credit" not in enter_as("billing").get(reverse("billing-invoice", args=[later.pk])).content.decode()
    )
    refund_of(checkout, DONE)
    assert payments.use_credit(by=biller, invoice_id=later.pk) == 7_000


def test_refunds_without_an_answer_are_settled_when_nobody_can_enter_them_again(
    link, client, refund_of, at_stripe, settings, subtests
):
    checkout = link()
    call(client, told(checkout))

    def settled(*said):
        out = StringIO()
        with speaking(answer(200, b'{"data": []}'), *said) as server, suppress(CommandError):
            at_stripe(server)
            call_command("reconcile_payments", "--settle-refunds", stdout=out)
        return out.getvalue()

    for is_made, said in ((False, "not made, and forgotten"), (True, "made, and entered now")):
        with subtests.test(said):
            refund_of(checkout, answer(500))
            asked = OnlineRefund.objects.get()
            assert str(asked.pk) not in settled()  # it may still be under way
            OnlineRefund.objects.update(updated_at=asked.updated_at - timedelta(hours=1))
            settings.PAYMENTS_LIVE = True
            assert "by another provider or mode" in settled() and OnlineRefund.objects.exists()
            settings.PAYMENTS_LIVE = False
            assert "not answered again" in settled(answer(500)) and OnlineRefund.objects.exists()
            rows = [{"metadata": {"refund": str(asked.pk)}, "status": "succeeded"}] if is_made else []
            assert said in settled(answer(200, orjson.dumps({"data": rows})))
            assert not OnlineRefund.objects.exists()
            assert LedgerEntry.objects.filter(kind="refund", pk=asked.pk, amount=3_000).exists() == is_made


def test_reconciling_books_what_was_not_told_and_names_differences(link, at_stripe):
    checkout = link()
    session = orjson.loads(told(checkout))["data"]["object"]

    def run(*rows, has_more=False):
        first = answer(200, orjson.dumps({"data": list(rows[:1]), "has_more": len(rows) > 1}))
        second = answer(200, orjson.dumps({"data": list(rows[1:]), "has_more": False}))
        out = StringIO()
        with speaking(first, second) as server:
            at_stripe(server)
            call_command("reconcile_payments", stdout=out)
        return out.getvalue()

    assert "Booked now: 1. Different: 0." in run({"id": "cs_of_others"}, session)
    assert state() == ("paid", 0, 1)
    assert "Booked now: 0. Different: 0." in run(session)
    with pytest.raises(CommandError):
        run({**session, "amount_total": 9_000})
    with speaking(answer(500)) as server, pytest.raises(CommandError):
        at_stripe(server)
        call_command("reconcile_payments")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_chart_is_free_while_the_provider_is_asked(practice, make_user, at_stripe):
    with practice_scope(practice.pk):
        biller, chart = make_user("billing"), PatientFactory()
        line = {"description": "Massage", "unit_price": Decimal("100.00")}
        draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line])
        invoice = invoices.issue(by=biller, invoice_id=draft.pk)
    taken = []

    def after_another_desk(said):
        def answering(wire):
            try:
                with practice_scope(practice.pk):
                    taken.append(
                        payments.take(by=biller, patient_id=chart.pk, amount=Decimal("1.00"), method="cash").pk
                    )
                    with pytest.raises(Refusal):  # the same is under way
                        services.pay_link(by=biller, invoice_id=invoice.pk) if len(taken) == 1 else payments.refund(
                            by=biller, payment_id=paid, amount=Decimal("9.00"), reason="Other"
                        )
            finally:
                connection.close()
            wire.sendall(said)

        return answering

    with practice_scope(practice.pk):
        with speaking(after_another_desk(page())) as server:
            at_stripe(server)
            checkout = services.pay_link(by=biller, invoice_id=invoice.pk)
        session = CheckoutSession(id=checkout.session, is_paid=True, intent="pi_1", amount=10_000, currency="USD",
                          key=str(checkout.pk), practice=str(practice.pk))  # fmt: skip
        assert services.apply(session)
        paid = checkout.pk
        with speaking(after_another_desk(answer(200, b'{"id": "re_1", "status": "succeeded"}'))) as server:
            at_stripe(server)
            payments.refund(by=biller, payment_id=paid, amount=Decimal("30.00"), reason="Too long")
        assert len(taken) == 2
        assert payments.get_payment(by=biller, payment_id=paid).refunded == 3_000
        assert not OnlineRefund.objects.exists()
