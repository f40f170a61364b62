"""The pages of billing, through a browser without scripts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from billing.jobs import purge_drafts
from billing.models import Invoice, LedgerEntry, Service, ServiceOfType
from billing.payments import services as payments
from billing.tests.factories import ServiceFactory
from patients.deletion.services import delete as delete_row
from patients.models import Patient

HOUR = timedelta(hours=1)


def address(name, *ids):
    return reverse(f"billing{name}", args=[getattr(one, "pk", one) for one in ids])


def row(key="new0", **fields):
    return {"row": key, **{f"{key}-{name}": value for name, value in fields.items()}}


@pytest.fixture
def visit(chart, make_user):
    kind = AppointmentTypeFactory()
    ServiceOfType.objects.create(service=ServiceFactory(name="Adjustment"), appointment_type=kind)
    start = timezone.now() - timedelta(days=1)
    ends = start + timedelta(minutes=30)
    return AppointmentFactory(patient=chart, doctor=make_user("doctor"), type=kind, starts_at=start, ends_at=ends)


def test_visit_is_billed_issued_and_printed(enter_as, visit, chart):
    desk = enter_as("billing")
    start = address("-visit-invoice", visit)
    assert start in enter_as("admin").get(reverse("calendar_visit", args=[visit.pk])).content.decode()
    first = desk.post(start)
    assert desk.post(start)["Location"] == first["Location"]  # it is on that one already
    invoice = Invoice.objects.get()
    page = desk.get(first["Location"])
    assert "Adjustment" in page.content.decode()
    line = invoice.lines.get()
    form = {"version": invoice.version, "note": "Thank you", "payer_name": "Acme"}
    form |= row(str(line.pk), description="Long adjustment", unit_price="120.00", quantity="1", tax_rate="0")
    assert desk.post(address("-invoice-save", invoice), {**form, "issue": "on"}).status_code == 302
    invoice = Invoice.objects.with_sums().get()
    assert (invoice.total, invoice.state, invoice.payer_name) == (12_000, "issued", "Acme")
    shown = desk.get(address("-invoice", invoice)).content.decode()
    assert invoice.number in shown and "Long adjustment" in shown and "120.00 USD" in shown
    assert desk.get(address("-invoice-print", invoice)).content.startswith(b"%PDF")
    (event,) = whole_trail().filter(user_id=desk.user.pk, kind=AuditEvent.INVOICE_ISSUED)
    assert str(chart.pk) in event.patients


def test_visits_that_were_not_billed_go_on_one_invoice(enter_as, visit, chart):
    again = AppointmentFactory(
        patient=chart, doctor=visit.doctor, type=visit.type, starts_at=visit.ends_at, ends_at=visit.ends_at + HOUR
    )
    AppointmentFactory(patient=chart, doctor=visit.doctor, starts_at=again.ends_at, ends_at=again.ends_at + HOUR)
    Appointment.objects.filter(pk__in=[visit.pk, again.pk]).update(status="completed")
    desk = enter_as("billing")
    assert [row for row, _ in desk.get(address("-visits")).context["rows"]] == [visit, again]
    assert [row for row, _ in desk.get(address("-account", chart)).context["visits"]] == [again, visit]
    desk.post(address("-invoice-new", chart), {"visit": [str(visit.pk), str(again.pk)]})
    assert Invoice.objects.get().lines.count() == 2
    assert desk.get(address("-visits")).context["rows"] == desk.get(address("-account", chart)).context["visits"] == []
    assert enter_as("staff").get(address("-visits")).status_code == 403


def test_stale_or_wrong_draft_says_so_and_keeps_what_was_typed(enter_as, bill):
    desk, draft = enter_as("billing"), bill(issue=False)
    save, key = address("-invoice-save", draft), str(draft.lines.get().pk)
    wrong = desk.post(save, {"version": draft.version, **row(key, description="Tape", unit_price="1.001")})
    assert wrong.status_code == 400 and 'value="1.001"' in wrong.content.decode()
    good = {"version": draft.version, **row(key, description="Tape", unit_price="5.00", quantity="2")}
    assert desk.post(save, good).status_code == 302
    assert desk.post(save, good).status_code == 400
    assert Invoice.objects.get().total == 1_000


def test_new_line_takes_the_price_of_its_service(enter_as, bill):
    desk, draft, service = enter_as("billing"), bill(issue=False), ServiceFactory(price=4_200, tax_rate=Decimal("7.7"))
    form = {"version": draft.version, **row(service_id=str(service.pk))}
    assert desk.post(address("-invoice-save", draft), form).status_code == 302
    line = Invoice.objects.get().lines.get()
    assert (line.description, line.unit_price, line.total) == (service.name, 4_200, 4_523)


def test_payment_from_a_visit_takes_three_interactions(enter_as, visit, chart, bill):
    """The visit, "Take payment", "Take payment": the amount that is open stands there already."""
    desk, invoice = enter_as("staff"), bill()
    take = address("-payment-new", chart)
    panel = desk.get(reverse("calendar_visit", args=[visit.pk])).content.decode()
    assert take in panel and address("-visit-invoice", visit) not in panel
    page = desk.get(take)
    assert (page.context["owed"], page.context["invoices"]) == (10_000, [invoice])
    form = {"payment_id": page.context["payment_id"], "amount": "100.00", "method": "cash"}
    for _ in range(2):  # pressed twice
        assert desk.post(take, form).status_code == 302
    payment = LedgerEntry.objects.payments().get()
    assert Invoice.objects.with_sums().get().state == "paid"
    assert desk.get(address("-receipt", payment)).content.startswith(b"%PDF")
    assert desk.post(take, {**form, "payment_id": str(visit.pk), "amount": "0"}).status_code == 400
    assert desk.post(address("-refund", payment), {}).status_code == 403


def test_credit_refund_write_off_and_account(enter_as, biller, chart, bill):
    desk, first, second = enter_as("billing"), bill(), bill()
    taken = payments.take(by=biller, patient_id=chart.pk, amount=Decimal("130.00"), method="card")
    assert desk.post(address("-allocate", taken)).status_code == 302
    assert Invoice.objects.with_sums().get(pk=second.pk).open == 7_000
    assert (
        desk.post(address("-invoice-write-off", second), {"amount": "20.00", "reason": "Goodwill"}).status_code == 302
    )
    assert desk.post(address("-invoice-write-off", second), {"amount": "50.01", "reason": "x"}).status_code == 400
    assert desk.post(address("-invoice-credit", first), {"reason": ""}).status_code == 400
    assert desk.post(address("-invoice-credit", first), {"reason": "Wrong"}).status_code == 302
    page = desk.get(address("-payment", taken))
    refund = {"refund_id": page.context["refund_id"], "amount": "100.00", "reason": "Moved away"}
    for _ in range(2):
        assert desk.post(address("-refund", taken), refund).status_code == 302
    account = desk.get(address("-account", chart))
    assert account.context["account"].balance == 5_000  # 100 + 100 - 130 - 20 - 100 + 100
    assert account.context["rows"][0]["balance"] == 5_000
    assert desk.get(address("-statement", chart)).content.startswith(b"%PDF")
    assert desk.get(address("-balance", chart)).content.decode() == "50.00 USD owed"


def test_home_of_billing_lists_what_is_unpaid(enter_as, bill):
    invoice, draft = bill(), bill(issue=False)
    desk = enter_as("billing")
    page = desk.get(address(""))
    assert (list(page.context["rows"]), page.context["owed"]) == ([invoice], 10_000)
    assert list(desk.get(address("") + "?status=draft").context["rows"]) == [draft]
    assert desk.post(address("-invoice-delete", draft)).status_code == 302
    assert desk.get(reverse("home"))["Location"] == address("")


def test_deleted_draft_can_be_put_back_for_a_day(enter_as, visit, chart):
    desk = enter_as("billing")
    start = address("-visit-invoice", visit)
    page = desk.post(start)["Location"]
    draft = Invoice.objects.get()
    delete = address("-invoice-delete", draft)
    after = desk.post(delete, follow=True).content.decode()
    assert f'action="{delete}"' in after and "Undo" in after
    assert (desk.get(page).status_code, Invoice.objects.exists()) == (404, False)
    assert desk.post(delete, {"undo": "1"})["Location"] == page
    assert desk.get(page).status_code == 200
    told = whole_trail().filter(user_id=desk.user.pk, about_id=str(draft.pk)).values_list("kind", flat=True)
    assert {AuditEvent.SOFT_DELETED, AuditEvent.RESTORED} <= set(told)

    desk.post(delete)
    assert desk.post(start)["Location"] != page  # the visit can be billed again, and then the draft stays away
    refused = desk.post(delete, {"undo": "1"})
    assert (refused.status_code, "already on an invoice" in refused.content.decode()) == (409, True)
    assert not Invoice.objects.filter(pk=draft.pk).exists()

    with pytest.raises(IntegrityError), transaction.atomic():  # as the release before would
        issued = {"issued_at": timezone.now(), "issued_on": timezone.now(), "issued_by": desk.user}
        Invoice.with_removed.filter(pk=draft.pk).update(**issued, year=2026, sequence=1)
    Invoice.with_removed.filter(pk=draft.pk).update(removed_at=timezone.now() - timedelta(days=2))
    refused = desk.post(delete, {"undo": "1"})
    assert (refused.status_code, "more than a day ago" in refused.content.decode()) == (409, True)
    purge_drafts()
    assert desk.post(delete, {"undo": "1"}).status_code == 404
    left = Invoice.objects.get()
    assert left.lines.count() == 1

    delete = address("-invoice-delete", left)
    desk.post(delete)
    delete_row(by=enter_as("admin").user, row=visit, reason="Entered twice")
    refused = desk.post(delete, {"undo": "1"})
    assert (refused.status_code, "A visit on this draft was deleted" in refused.content.decode()) == (409, True)


def test_price_list_is_kept_on_pages(enter_as, scope):
    manager, kind = enter_as("billing"), AppointmentTypeFactory()
    form = {"code": "97124", "name": "Massage", "price": "80.00", "tax_rate": "19", "is_active": "on"}
    new = address("-service-new")
    assert manager.post(new, {**form, "appointment_type_ids": [str(kind.pk)]}).status_code == 302
    assert manager.post(new, form).status_code == 400
    service = Service.objects.get()
    assert (service.price, service.of_types.get().appointment_type_id) == (8_000, kind.pk)
    edit = address("-service", service)
    assert manager.post(edit, {**form, "price": "90.00", "version": "1"}).status_code == 302
    assert manager.post(edit, {**form, "price": "95.00", "version": "1"}).status_code == 400
    assert "from" in manager.get(edit).content.decode()
    assert enter_as("staff").get(edit).status_code == 403
    assert "Massage" in enter_as("staff").get(address("-prices")).content.decode()


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing", "patient"])
def test_who_opens_which_page(enter_as, role, chart, bill):
    client, invoice, draft = enter_as(role), bill(), bill(issue=False)
    reading = [address(""), address("-prices"), address("-invoice", invoice), address("-account", chart)]
    reading += [address("-statement", chart), address("-invoice-print", invoice), address("-balance", chart)]
    may_read, may_bill = role in ("admin", "staff", "billing"), role in ("admin", "billing")
    assert {client.get(path).status_code for path in reading} == {200 if may_read else 403}
    assert client.get(address("-payment-new", chart)).status_code == (200 if may_read else 403)
    assert client.get(address("-service-new")).status_code == (200 if may_bill else 403)
    for path in (address("-invoice-new", chart), address("-invoice-delete", draft)):
        assert client.post(path).status_code == (302 if may_bill else 403)


def test_pages_of_three_rows_ask_as_often_as_of_one(enter_as, bill, biller, chart):
    desk = enter_as("billing")
    pages = [address(""), address("-account", chart), f"{address('-report-open')}?age="]
    pages += [address("-report-movements"), address("-report-credit"), f"{address('-report-lines')}?by=service"]

    def asked():
        found = {}
        for path in pages:
            with CaptureQueriesContext(connection) as captured:
                assert desk.get(path).status_code == 200, path
            found[path] = len(captured)
        return found

    def more():
        bill()
        payments.take(by=biller, patient_id=chart.pk, amount=Decimal("5.00"), method="cash")

    more()
    asked()  # the first fills caches
    of_one = asked()
    more(), more()
    assert asked() == of_one


def test_closed_chart_is_closed_on_pages(enter_as, chart, bill):
    invoice = bill()
    Patient.objects.filter(pk=chart.pk).update(restricted=True)
    desk = enter_as("staff")
    paths = [address("-invoice", invoice), address("-account", chart), address("-payment-new", chart)]
    assert {desk.get(path).status_code for path in [*paths, address("-balance", chart)]} == {403}
    assert list(desk.get(address("")).context["rows"]) == []


def test_what_was_sent_before_with_other_figures_is_refused(enter_as, chart):
    """Somebody goes back to the form and types again; what is sent twice as it is, is done once."""
    desk, before = enter_as("billing"), LedgerEntry.objects.count()
    form = address("-payment-new", chart)
    payment = {"payment_id": desk.get(form).context["payment_id"], "amount": "50.00", "method": "cash"}
    for changed, status in (({}, 302), ({}, 302), ({"amount": "60.00"}, 400), ({"method": "card"}, 400)):
        page = desk.post(form, payment | changed)
        assert page.status_code == status
    assert "A payment of 50.00 was taken with this page already" in page.content.decode()
    paid = LedgerEntry.objects.payments().get()
    refund = {
        "refund_id": desk.get(address("-payment", paid)).context["refund_id"],
        "amount": "10.00",
        "reason": "Late",
    }
    for changed, status in (({}, 302), ({}, 302), ({"amount": "20.00"}, 400)):
        page = desk.post(address("-refund", paid), refund | changed)
        assert page.status_code == status
    assert "10.00 was refunded with this page already" in page.content.decode()
    assert LedgerEntry.objects.count() == before + 2


def test_a_refund_under_the_id_of_another_entry_is_refused(enter_as, chart, biller):
    desk = enter_as("billing")
    first, second = (
        payments.take(by=biller, patient_id=chart.pk, amount=Decimal("10.00"), method="cash") for _ in range(2)
    )
    sent = {"refund_id": first.pk, "amount": "1.00", "reason": "Too much"}
    page = desk.post(address("-refund", second), sent)
    assert page.status_code == 400 and "Reload the page" in page.content.decode()
    assert LedgerEntry.objects.count() == 2
