"""Reports: sums of what the services entered, over HTTP and on their pages."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from appointments.tests.factories import AppointmentFactory
from billing.invoices import services as invoices
from billing.models import Invoice, LedgerEntry
from billing.payments import services as payments
from billing.reports import figures
from billing.tests.factories import ServiceFactory
from patients.models import Patient
from patients.tests.factories import PatientFactory
from practices.models import Practice

TODAY = date(2031, 3, 31)


@pytest.fixture
def on(monkeypatch):
    """`on(day)`: it is this day at the practice."""

    def set_day(day):
        monkeypatch.setattr(Practice, "today", lambda self: day)

    set_day(TODAY)
    return set_day


@pytest.fixture
def year(on, biller, bill, chart, make_user):
    """Invoices of several ages, payments by several methods, a credit note, a write-off and refunds."""
    doctor, service = make_user("doctor"), ServiceFactory(price=7_000)
    visit = AppointmentFactory(patient=chart, doctor=doctor)

    def pay(amount, method, *towards):
        parts = [{"invoice_id": invoice.pk, "amount": Decimal(part)} for invoice, part in towards]
        return payments.take(by=biller, patient_id=chart.pk, amount=Decimal(amount), method=method, allocations=parts)

    on(TODAY - timedelta(days=200))
    oldest, wrong = bill("50.00"), bill("30.00")
    on(TODAY - timedelta(days=45))
    older = bill("40.00")
    pay("15.00", "cheque", (older, "10.00"))
    invoices.write_off(by=biller, invoice_id=older.pk, reason="Goodwill", amount=Decimal("5.00"))
    on(TODAY)
    line = {"service_id": service.pk, "appointment_id": visit.pk}
    draft = invoices.write_draft(by=biller, patient_id=chart.pk, lines=[line])
    new = invoices.issue(by=biller, invoice_id=draft.pk)
    cash = pay("60.00", "cash", (new, "45.00"), (oldest, "10.00"))
    pay("20.00", "card")
    payments.refund(by=biller, payment_id=cash.pk, amount=Decimal("7.00"), reason="Too much")
    invoices.credit(by=biller, invoice_id=wrong.pk, reason="Wrong")
    return {"doctor": doctor, "service": service, "new": new}


def test_api_tells_what_was_taken_billed_and_is_open(subtests, year, client_of, biller, as_role):
    client = client_of(biller)

    def report(name, **query):
        answer = client.get(f"/api/reports/{name}", query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    taken = report("takings")
    with subtests.test(report="takings"):
        methods = {row["method"]: row for row in taken["methods"]}
        assert (taken["received"], taken["refunded"], taken["total"]) == ("80.00", "7.00", "73.00")
        assert methods["cash"]["total"] == "53.00" and methods["cash"]["payments"] == 1
        assert methods["cheque"]["received"] == "0.00"
        assert report("takings", day="2030-01-01")["total"] == "0.00"
    whole = {"from": "2030-01-01", "to": "2031-03-31"}
    with subtests.test(report="revenue by month"):
        found = report("revenue", by="month", **whole)
        assert [row["key"] for row in found["rows"]] == ["2030-09-01", "2031-02-01", "2031-03-01"]
        assert found["total"] == {"invoiced": "190.00", "credited": "30.00", "paid": "95.00", "refunded": "7.00"}
    with subtests.test(report="revenue of this month by day"):
        (day,) = report("revenue")["rows"]
        assert day["key"] == "2031-03-31" and day["invoiced"] == "70.00" and day["paid"] == "80.00"
    for by in ("doctor", "service"):
        with subtests.test(report=by):
            first, *others = report("revenue", by=by, **whole)["rows"]
            assert first["key"] == str(year[by].pk) and first["name"] == year[by].name
            assert (first["invoiced"], first["paid"]) == ("70.00", None)
            assert [row["key"] for row in others] == [None]
    with subtests.test(report="unpaid"):
        ages = {"days0to30": "25.00", "days31to60": "25.00", "days61to90": "0.00", "older": "42.00"}
        assert report("unpaid") == {"currency": "USD", "total": "92.00", "ages": ages}
        rows = list(Invoice.objects.with_sums().unpaid())
        assert sum(figures.unpaid(TODAY).values()) == sum(invoice.open for invoice in rows)
    with subtests.test(wrong="queries"):
        for query in ({"from": "2031-02-01", "to": "2031-01-01"}, {"from": "2000-01-01"}, {"by": "x"}, {"since": "1"}):
            assert client.get("/api/reports/revenue", query).status_code == 400, query
    assert as_role("staff").get("/api/reports/revenue").status_code == 403


def test_figures_on_pages_lead_to_their_rows(subtests, year, enter_as):
    desk = enter_as("admin")
    asked = {"first": "2030-01-01", "last": "2031-03-31", "by": "doctor"}
    for name, query, figure in (
        ("takings", {}, "53.00 USD"),
        ("revenue", asked, "70.00 USD"),
        ("revenue", {**asked, "by": "month"}, "95.00 USD"),
        ("unpaid", {}, "92.00 USD"),
        ("payers", {}, "92.00 USD"),
    ):
        with subtests.test(page=name, **query):
            page = desk.get(reverse(f"billing-report-{name}"), query)
            shown = page.content.decode()
            assert page.status_code == 200 and figure in shown and "<svg" in shown
            table = page.context["table"]
            for row in [*table.rows, table.whole]:
                for cell in row[1:]:
                    if cell.address:
                        behind = desk.get(cell.address)
                        assert behind.status_code == 200 and behind.context["rows"], cell
            written = b"".join(desk.get(reverse(f"billing-report-{name}-file"), query).streaming_content).decode()
            assert figure.removesuffix(" USD") in written and len(written.splitlines()) == len(table.rows) + 2
    assert desk.get(reverse("billing-report-revenue"), {"first": "2031-02-01", "last": "2031-01-01"}).status_code == 400
    assert desk.get(reverse("billing-report-open"), {"age": "x"}).status_code == 400


def test_unpaid_by_payer_and_age_and_credit_that_is_left(on, biller, chart, bill, enter_as, subtests):
    line = {"description": "Massage", "unit_price": Decimal("100.00")}

    def insured(payer, patient=chart):
        draft = invoices.write_draft(by=biller, patient_id=patient.pk, lines=[line], payer_name=payer)
        return invoices.issue(by=biller, invoice_id=draft.pk)

    on(TODAY - timedelta(days=45))
    paid, closed = insured("Aetna"), insured("VIP Trust", PatientFactory())
    Patient.objects.filter(pk=closed.patient_id).update(restricted=True)
    on(TODAY)
    insured("AETNA"), insured("Cigna"), bill("30.00")
    towards = [{"invoice_id": paid.pk, "amount": Decimal("25.00")}]
    payments.take(by=biller, patient_id=chart.pk, amount=Decimal("65.00"), method="insurance", allocations=towards)

    desk = enter_as("billing")
    page = desk.get(reverse("billing-report-payers"))
    table = [[cell.value for cell in row] for row in page.context["table"].rows]
    zero = "0.00 USD"
    with subtests.test("sums"):
        assert table == [
            ["AETNA", "100.00 USD", "75.00 USD", zero, zero, "175.00 USD"],
            *sorted(
                [
                    ["Cigna", "100.00 USD", zero, zero, zero, "100.00 USD"],
                    ["Payer in closed charts", zero, "100.00 USD", zero, zero, "100.00 USD"],
                ],
                key=lambda row: table.index(row),
            ),
            ["Patients themselves", "30.00 USD", zero, zero, zero, "30.00 USD"],
        ]
        assert page.context["table"].whole[-1].value == "405.00 USD"
    with subtests.test("rows behind"):
        aetna = page.context["table"].rows[0]
        for cell, number in ((aetna[1], 1), (aetna[2], 1), (aetna[5], 2)):
            assert len(desk.get(cell.address).context["rows"]) == number
        assert desk.get(reverse("billing-report-open"), {"payer": "x"}).status_code == 400
    with subtests.test("credit"):
        shown = desk.get(reverse("billing-report-credit"))
        assert [[cell.value for cell in row][1:] for row in shown.context["rows"]] == [
            ["Insurance", chart.name, "40.00 USD"]
        ]
    with subtests.test("who"):
        assert enter_as("doctor").get(reverse("billing-report-payers")).status_code == 403
        assert enter_as("doctor").get(reverse("billing-report-credit")).status_code == 403


def test_rows_are_paged_without_counting_them(year, enter_as, monkeypatch):
    monkeypatch.setattr("billing.report_rows.pages.PAGE_SIZE", 3)
    desk, query, seen = enter_as("billing"), {"first": "2030-01-01", "last": "2031-03-31"}, []
    while True:
        page = desk.get(reverse("billing-report-movements"), query)
        seen += [tuple(cell.value for cell in row) for row in page.context["rows"]]
        if not page.context["following"]:
            break
        query["cursor"] = page.context["following"]
        assert "cursor=" in page.content.decode()
    assert len(seen) == LedgerEntry.objects.count()
    assert desk.get(reverse("billing-report-movements"), {"cursor": "x"}).status_code == 400


def test_file_of_movements_has_each_once_in_parts(year, enter_as, monkeypatch):
    monkeypatch.setattr("billing.report_rows.pages.AT_ONCE", 3)
    query = {"first": "2030-01-01", "last": "2031-03-31"}
    answer = enter_as("billing").get(reverse("billing-report-movements-file"), query)
    rows = b"".join(answer.streaming_content).decode().splitlines()[1:]
    ids = [row.rsplit(",", 1)[1] for row in rows]
    assert sorted(ids) == sorted(str(entry.pk) for entry in LedgerEntry.objects.all())
    assert any(",-60.00," in row for row in rows)  # a number, which a spreadsheet can sum up


def test_staff_close_the_till_and_bill_nothing(enter_as, year):
    desk = enter_as("staff")
    assert desk.get(reverse("billing-report-takings")).status_code == 200
    assert desk.get(reverse("billing-report-revenue")).status_code == 403
    assert enter_as("doctor").get(reverse("billing-report-takings")).status_code == 403


def test_doctors_see_what_their_own_visits_brought_where_the_practice_lets_them(
    subtests, year, practice, client, client_of, make_user
):
    whole = {"from": "2030-01-01", "to": "2031-03-31"}
    mine, other = client_of(year["doctor"]), client_of(make_user("doctor"))
    assert mine.get("/api/reports/own-revenue").status_code == 403  # off by default
    Practice.objects.filter(pk=practice.pk).update(doctors_see_revenue=True)
    with subtests.test("by month and service"):
        found = mine.get("/api/reports/own-revenue", {**whole, "by": "month"}).json()
        assert found["total"] == {"invoiced": "70.00", "credited": "0.00"}
        assert [row["key"] for row in found["rows"]] == ["2031-03-01"]
        (row,) = mine.get("/api/reports/own-revenue", {**whole, "by": "service"}).json()["rows"]
        assert (row["key"], row["name"]) == (str(year["service"].pk), year["service"].name)
    with subtests.test("not another's"):
        assert other.get("/api/reports/own-revenue", whole).json()["rows"] == []
        assert other.get("/api/reports/revenue", whole).status_code == 403
    asked = {"first": "2030-01-01", "last": "2031-03-31"}
    desk = client
    desk.force_login(year["doctor"])
    for by in ("day", "month", "service"):
        with subtests.test(page=by):
            page = desk.get(reverse("billing-report-own"), {**asked, "by": by})
            assert "70.00 USD" in page.content.decode()
            for cells in [*page.context["table"].rows, page.context["table"].whole]:
                behind = desk.get(cells[1].address)
                assert behind.status_code == 200 and len(behind.context["rows"]) == 1
            written = b"".join(desk.get(reverse("billing-report-own-file"), {**asked, "by": by}).streaming_content)
            assert b"70.00" in written
    assert "My revenue" in desk.get("/my-day/").content.decode()
    Practice.objects.filter(pk=practice.pk).update(doctors_see_revenue=False)
    for name in ("billing-report-own", "billing-report-own-lines"):
        assert desk.get(reverse(name)).status_code == 403
    assert "My revenue" not in desk.get("/my-day/").content.decode()


def test_reports_begin_with_a_list_of_them(enter_as, scope):
    shown = enter_as("billing").get(reverse("billing-reports")).content.decode()
    assert all(reverse(f"billing-report-{name}") in shown for name in ("takings", "revenue", "unpaid"))
    staff = enter_as("staff").get(reverse("billing-reports")).content.decode()
    assert reverse("billing-report-takings") in staff and reverse("billing-report-revenue") not in staff


def test_fields_of_days_hold_what_a_browser_takes_in_german_too(enter_as, year):
    page = (
        enter_as("billing").get(reverse("billing-report-revenue"), headers={"Accept-Language": "de"}).content.decode()
    )
    assert 'lang="de"' in page and 'value="2031-03-01"' in page and 'value="2031-03-31"' in page
