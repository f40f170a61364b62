"""/api/services, /api/invoices, /api/payments and the account of a patient."""

import pytest

from tests.contract.clinic import NOBODY

MASSAGE = {"code": "97124", "name": "Massage", "price": "100.00", "taxRate": "19.00", "taxIncluded": False}


@pytest.fixture
def biller(clinic):
    return clinic.billing


def ok(answer, status=200):
    assert answer.status == status, answer
    return answer.json


def draft(biller, chart, *lines, **fields):
    lines = list(lines) or [{"description": "Massage", "unitPrice": "100.00", "taxRate": "19.00"}]
    return ok(biller.post("/api/invoices", {"patientId": chart["id"], "lines": lines, **fields}), 201)


def issued(biller, chart, *lines, **fields):
    return ok(biller.post(f"/api/invoices/{draft(biller, chart, *lines, **fields)['id']}/issue", {}))


def paid(caller, chart, amount, *towards, method="cash"):
    allocations = [{"invoiceId": invoice["id"], "amount": part} for invoice, part in towards]
    body = {"patientId": chart["id"], "amount": amount, "method": method, "allocations": allocations}
    return ok(caller.post("/api/payments", body), 201)


def account(caller, chart):
    return ok(caller.get(f"/api/patients/{chart['id']}/account"))


def look(caller, invoice):
    return ok(caller.get(f"/api/invoices/{invoice['id']}"))


def test_price_list_keeps_what_a_service_cost(clinic, biller):
    service = ok(biller.post("/api/services", MASSAGE), 201)
    assert service == {
        **MASSAGE,
        "id": service["id"],
        "currency": "USD",
        "active": True,
        "appointmentTypeIds": [],
        "version": 1,
        "prices": [{"number": 1, **MASSAGE, "currency": "USD", "since": service["prices"][0]["since"]}],
    }
    path = f"/api/services/{service['id']}"
    changed = ok(biller.patch(path, {"price": "110.00", "version": 1}))
    assert [one["price"] for one in changed["prices"]] == ["100.00", "110.00"]
    assert biller.patch(path, {"price": "120.00", "version": 1}).status == 409
    assert biller.patch(path, {"price": "120.00"}).status == 400
    assert biller.post("/api/services", MASSAGE).status == 409
    for wrong in ({"price": 100}, {"price": "-1"}, {"price": "1.005"}, {"taxRate": "100"}, {"price": "1e3"}):
        assert biller.post("/api/services", {**MASSAGE, "code": "other", **wrong}).status == 400, wrong
    listed = ok(clinic.staff.get("/api/services", active="true"))
    assert service["id"] in [one["id"] for one in listed["services"]]


def test_draft_is_written_changed_and_issued(clinic, biller):
    chart, service = clinic.chart(), ok(biller.post("/api/services", {**MASSAGE, "code": "D1"}), 201)
    written = draft(
        biller, chart, {"serviceId": service["id"], "quantity": "2"}, {"description": "Tape", "unitPrice": "5.00"}
    )
    assert (written["status"], written["number"], written["total"]) == ("draft", None, "243.00")
    assert [line["total"] for line in written["lines"]] == ["238.00", "5.00"]

    path, tape = f"/api/invoices/{written['id']}", written["lines"][1]
    change = {"version": 1, "lines": [{**tape, "quantity": "3"}, {"serviceId": service["id"], "discount": "10.00"}]}
    for name in ("net", "tax", "total"):
        assert change["lines"][0][name]  # a client sends back what it has read
    changed = ok(biller.patch(path, change))
    assert [(line["description"], line["total"]) for line in changed["lines"]] == [
        ("Tape", "15.00"),
        ("Massage", "107.10"),
    ]
    assert changed["lines"][0]["id"] == tape["id"]
    stale = biller.patch(path, {"version": 1, "note": "x"})
    assert (stale.status, stale.json["current"]["version"]) == (409, changed["version"])
    assert biller.patch(path, {"version": changed["version"], "payerAddress": "1 Main Street"}).status == 400
    payer = {"version": changed["version"], "payerName": "Acme Insurance", "payerAddress": "PO Box 1", "note": "Thanks"}
    ok(biller.patch(path, payer))

    done = ok(biller.post(f"{path}/issue", {}))
    assert (done["status"], done["total"], done["open"], done["payerName"]) == (
        "issued",
        "122.10",
        "122.10",
        "Acme Insurance",
    )
    assert done["patientName"] == chart["name"]
    assert done["number"].startswith(done["issuedOn"][:4])
    ok(biller.patch(f"/api/services/{service['id']}", {"price": "500.00", "version": 1}))
    clinic.staff.patch(f"/api/patients/{chart['id']}", {"name": "Somebody Else"})
    assert look(biller, done) == done
    assert biller.post(f"{path}/issue", {}).status == 409
    assert biller.patch(path, {"version": done["version"], "note": "x"}).status == 409
    assert biller.request("DELETE", path).status == 409


def test_draft_is_deleted_and_leaves_no_gap(clinic, biller):
    chart = clinic.chart()
    first = issued(biller, chart)
    gone = draft(biller, chart)
    assert biller.request("DELETE", f"/api/invoices/{gone['id']}").status == 204
    second = issued(biller, chart)
    assert int(second["number"][-4:]) == int(first["number"][-4:]) + 1


def test_invoice_without_lines_is_not_issued(clinic, biller):
    empty = ok(biller.post("/api/invoices", {"patientId": clinic.chart()["id"]}), 201)
    assert biller.post(f"/api/invoices/{empty['id']}/issue", {}).status == 409


def test_lines_that_cannot_be(clinic, biller):
    chart = clinic.chart()
    for line in (
        {"unitPrice": "1.00"},
        {"description": "Tape"},
        {"description": "Tape", "unitPrice": "1.00", "discount": "1.01"},
        {"description": "Tape", "unitPrice": "1.00", "quantity": "0"},
        {"description": "Tape", "unitPrice": "1.001"},
        {"description": "Tape", "unitPrice": "1.00", "price": "2.00"},
    ):
        assert biller.post("/api/invoices", {"patientId": chart["id"], "lines": [line]}).status == 400, line
    unknown = {"patientId": chart["id"], "lines": [{"serviceId": NOBODY}]}
    assert biller.post("/api/invoices", unknown).status == 404


def test_visits_bring_the_services_of_their_type_once(clinic, biller):
    kind = ok(clinic.admin.post("/api/appointment-types", {"name": "Deep tissue", "minutes": 50}), 201)
    service = {**MASSAGE, "code": "V1", "appointmentTypeIds": [kind["id"]]}
    ok(biller.post("/api/services", service), 201)
    chart = clinic.chart()
    visits = [clinic.booking(chart=chart["id"], typeId=kind["id"])["id"] for _ in range(2)]
    body = {"patientId": chart["id"], "appointmentIds": visits}
    written = ok(biller.post("/api/invoices", body), 201)
    assert sorted(line["appointmentId"] for line in written["lines"]) == sorted(visits)
    assert written["total"] == "238.00"
    assert biller.post("/api/invoices", body).status == 409
    done = ok(biller.post(f"/api/invoices/{written['id']}/issue", {}))
    ok(biller.post(f"/api/invoices/{done['id']}/credit", {"reason": "Wrong patient"}), 201)
    ok(biller.post("/api/invoices", body), 201)
    other = {"patientId": clinic.chart()["id"], "appointmentIds": visits}
    assert biller.post("/api/invoices", other).status in (400, 409)


def test_payment_in_parts_credit_and_refund(clinic, biller):
    chart = clinic.chart()
    invoice = issued(biller, chart)  # 119.00
    part = paid(clinic.staff, chart, "50.00", (invoice, "50.00"))
    assert (part["allocated"], part["left"]) == ("50.00", "0.00")
    now = look(biller, invoice)
    assert (now["status"], now["paid"], now["open"]) == ("partly_paid", "50.00", "69.00")

    more = paid(clinic.staff, chart, "100.00", method="cheque")
    path = f"/api/payments/{more['id']}"
    assert more["left"] == "100.00"
    put = {"allocations": [{"invoiceId": invoice["id"], "amount": "69.00"}]}
    assert ok(clinic.staff.post(f"{path}/allocations", put))["left"] == "31.00"
    assert look(biller, invoice)["status"] == "paid"
    assert clinic.staff.post(f"{path}/allocations", put).status == 400

    assert account(clinic.staff, chart)["balance"] == "-31.00"
    refund = {"amount": "40.00", "reason": "Paid too much"}
    assert clinic.staff.post(f"{path}/refund", refund).status == 403
    back = ok(biller.post(f"{path}/refund", refund))
    assert (back["refunded"], back["allocated"], back["left"]) == ("40.00", "60.00", "0.00")
    assert look(biller, invoice)["open"] == "9.00"
    assert biller.post(f"{path}/refund", {"amount": "60.01", "reason": "x"}).status == 400
    ok(biller.post(f"{path}/refund", {"amount": "60.00", "reason": "All of it"}))
    assert biller.post(f"{path}/refund", {"amount": "0.01", "reason": "x"}).status == 409
    assert account(biller, chart)["balance"] == "69.00"


def test_credit_note_undoes_an_invoice(clinic, biller):
    chart = clinic.chart()
    invoice = issued(biller, chart)
    payment = paid(clinic.staff, chart, "50.00", (invoice, "50.00"))
    ok(biller.post(f"/api/invoices/{invoice['id']}/write-off", {"amount": "9.00", "reason": "Goodwill"}))
    assert look(biller, invoice)["open"] == "60.00"
    note = ok(biller.post(f"/api/invoices/{invoice['id']}/credit", {"reason": "Wrong service"}), 201)
    assert (note["kind"], note["creditsId"], note["total"], note["reason"]) == (
        "credit_note",
        invoice["id"],
        "119.00",
        "Wrong service",
    )
    assert note["number"].startswith("CN-")
    now = look(biller, invoice)
    assert (now["status"], now["open"], now["creditNoteId"]) == ("credited", "0.00", note["id"])
    assert ok(biller.get(f"/api/payments/{payment['id']}"))["left"] == "50.00"
    assert account(biller, chart)["balance"] == "-50.00"
    for path in ("credit", "write-off"):
        assert biller.post(f"/api/invoices/{invoice['id']}/{path}", {"reason": "x"}).status == 409
        assert biller.post(f"/api/invoices/{note['id']}/{path}", {"reason": "x"}).status == 409
    body = {"patientId": chart["id"], "amount": "1.00", "method": "cash"}
    towards = {**body, "allocations": [{"invoiceId": invoice["id"], "amount": "1.00"}]}
    assert clinic.staff.post("/api/payments", towards).status == 409


def test_account_tells_each_movement_and_what_was_owed_after_it(clinic, biller):
    chart = clinic.chart()
    invoice = issued(biller, chart)
    paid(clinic.staff, chart, "19.00", (invoice, "19.00"))
    paid(clinic.staff, chart, "19.00", (invoice, "19.00"))  # the same amount on the same day
    found = account(clinic.staff, chart)
    assert [(one["kind"], one["amount"], one["balance"]) for one in found["entries"]] == [
        ("payment", "-19.00", "81.00"),
        ("payment", "-19.00", "100.00"),
        ("charge", "119.00", "119.00"),
    ]
    assert found["entries"][-1]["number"] == invoice["number"]
    assert (found["balance"], found["credit"], found["total"]) == ("81.00", "0.00", 3)
    assert found["ages"] == {"days0to30": "81.00", "days31to60": "0.00", "days61to90": "0.00", "older": "0.00"}
    second = ok(clinic.staff.get(f"/api/patients/{chart['id']}/account", page=2, limit=2))
    assert [one["balance"] for one in second["entries"]] == ["119.00"]


def test_same_key_takes_a_payment_once(clinic):
    chart = clinic.chart()
    body = {"patientId": chart["id"], "amount": "10.00", "method": "card"}
    first, again = (clinic.staff.post("/api/payments", body, headers={"Idempotency-Key": "desk-1"}) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert account(clinic.staff, chart)["balance"] == "-10.00"


def test_payments_that_cannot_be(clinic, biller):
    chart, invoice, others = clinic.chart(), None, issued(biller, clinic.chart())
    invoice = issued(biller, chart)
    body = {"patientId": chart["id"], "amount": "200.00", "method": "cash"}
    for change in (
        {"amount": "0.00"},
        {"amount": "1.001"},
        {"amount": 5},
        {"method": "stripe"},
        {"receivedOn": "2999-01-01"},
        {"allocations": [{"invoiceId": invoice["id"], "amount": "119.01"}]},
        {"allocations": [{"invoiceId": invoice["id"], "amount": "0.00"}]},
        {"allocations": [{"invoiceId": invoice["id"], "amount": "1.00"}] * 2},
        {"allocations": [{"invoiceId": others["id"], "amount": "1.00"}]},
        {"amount": "1.00", "allocations": [{"invoiceId": invoice["id"], "amount": "1.01"}]},
    ):
        assert clinic.staff.post("/api/payments", {**body, **change}).status == 400, change
    assert account(biller, chart)["balance"] == "119.00"


def test_lists_by_state(clinic, biller):
    chart = clinic.chart()
    written, sent, part, full = draft(biller, chart), *(issued(biller, chart) for _ in range(3))
    undone = issued(biller, chart)
    paid(clinic.staff, chart, "200.00", (part, "1.00"), (full, "119.00"))
    note = ok(biller.post(f"/api/invoices/{undone['id']}/credit", {"reason": "x"}), 201)

    def listed(status):
        found = ok(biller.get("/api/invoices", patientId=chart["id"], status=status, limit=50))
        return {one["id"] for one in found["invoices"]}

    expected = {
        "draft": [written],
        "issued": [sent, note],
        "partly_paid": [part],
        "paid": [full],
        "credited": [undone],
        "unpaid": [sent, part],
    }
    for status, invoices in expected.items():
        assert listed(status) == {one["id"] for one in invoices}, status


def test_payers_and_credit_by_api(clinic, biller):
    """An insurer owes one invoice of two; a deposit is found, and pays it."""
    chart = clinic.chart()
    owes, own = issued(biller, chart, payerName="Blue Cross of Elsewhere"), issued(biller, chart)
    assert (owes["payerName"], own["payerName"]) == ("Blue Cross of Elsewhere", chart["name"])

    def payers():
        return {one["name"]: one for one in ok(clinic.staff.get("/api/reports/payers"))["payers"]}

    found = payers()
    insurer, themselves = found["Blue Cross of Elsewhere"], found[None]
    assert (insurer["total"], insurer["ages"]["days0to30"], themselves["payer"]) == ("119.00", "119.00", None)
    listed = ok(biller.get("/api/invoices", payer=insurer["payer"], status="unpaid"))["invoices"]
    assert [one["id"] for one in listed] == [owes["id"]]
    assert biller.get("/api/invoices", payer="Blue Cross").status == 400

    used_up, deposit = paid(clinic.staff, chart, "119.00", (own, "119.00")), paid(clinic.staff, chart, "200.00")
    with_credit = ok(clinic.staff.get("/api/payments", patientId=chart["id"], hasCredit="true"))["payments"]
    assert [one["id"] for one in with_credit] == [deposit["id"]] != [used_up["id"]]
    assert account(biller, chart)["credit"] == "200.00"
    use = f"/api/invoices/{owes['id']}/use-credit"
    assert clinic.doctor.post(use).status == 403
    settled = ok(clinic.staff.post(use))
    assert (settled["status"], settled["paid"]) == ("paid", "119.00")
    assert clinic.staff.post(use).status == 409
    assert account(biller, chart)["credit"] == "81.00"
    assert "Blue Cross of Elsewhere" not in payers()


def test_numbers_of_visits_by_api(clinic):
    address, asked = "/api/reports/visits", {"from": "2031-01-06", "to": "2031-01-19"}
    before = ok(clinic.admin.get(address, **asked))
    visit = {"patientId": clinic.chart()["id"], "doctorId": clinic.doctor.id, "date": "2031-01-07T03:00:00Z"}
    ok(clinic.staff.post("/api/appointments", {**visit, "reason": "Pain"}), 201)
    after = ok(clinic.admin.get(address, **asked))
    assert [week["monday"] for week in after["weeks"]] == ["2031-01-06", "2031-01-13"]
    assert after["weeks"][0]["scheduled"] == before["weeks"][0]["scheduled"] + 1
    assert after["total"]["scheduled"] == before["total"]["scheduled"] + 1
    assert len(ok(clinic.admin.get(address))["weeks"]) == 12
    for first, last in (("2031-01-06", "2031-01-05"), ("2020-01-01", "2031-01-01")):
        assert clinic.admin.get(address, **{"from": first, "to": last}).status == 400
    assert clinic.billing.get(address).status == 403


def test_patient_sees_their_own_and_no_drafts(clinic, biller):
    patient = clinic.patient
    chart = {"id": clinic.chart_of(patient)}
    written, sent, others = draft(biller, chart), issued(biller, chart), issued(biller, clinic.chart())
    assert [one["id"] for one in ok(patient.get("/api/invoices"))["invoices"]] == [sent["id"]]
    assert look(patient, sent)["total"] == "119.00"
    assert account(patient, chart)["balance"] == "119.00"
    payment = paid(clinic.staff, chart, "1.00")
    assert [one["id"] for one in ok(patient.get("/api/payments"))["payments"]] == [payment["id"]]
    for hidden in (written, others):
        assert patient.get(f"/api/invoices/{hidden['id']}").status == 404
    assert patient.get(f"/api/patients/{others['patientId']}/account").status == 404


def test_closed_chart_is_closed_to_those_who_bill(clinic, biller):
    chart = clinic.chart()
    invoice, payment = issued(biller, chart), paid(clinic.staff, chart, "1.00")
    assert clinic.admin.request("PUT", f"/api/patients/{chart['id']}/restriction").status == 204
    for caller in (biller, clinic.staff):
        for path in (f"invoices/{invoice['id']}", f"payments/{payment['id']}", f"patients/{chart['id']}/account"):
            assert caller.get(f"/api/{path}").status == 403, path
        assert invoice["id"] not in [one["id"] for one in ok(caller.get("/api/invoices", limit=100))["invoices"]]
        assert payment["id"] not in [one["id"] for one in ok(caller.get("/api/payments", limit=100))["payments"]]
    body = {"patientId": chart["id"], "amount": "1.00", "method": "cash"}
    assert clinic.staff.post("/api/payments", body).status == 403
    assert biller.post("/api/invoices", {"patientId": chart["id"]}).status == 403
    assert biller.post(f"/api/invoices/{invoice['id']}/credit", {"reason": "x"}).status == 403


def test_revenue_is_what_was_received_less_what_was_refunded(clinic, biller):
    def revenue():
        return ok(clinic.admin.get("/api/dashboard/stats"))["revenue"]

    before, chart = revenue(), clinic.chart()
    issued(biller, chart)
    assert revenue() == before
    payment = paid(clinic.staff, chart, "80.50")
    assert revenue() == before + 80.5
    ok(biller.post(f"/api/payments/{payment['id']}/refund", {"amount": "0.50", "reason": "Paid too much"}))
    assert (revenue(), type(revenue())) == (before + 80, int)


def test_currency_stays_once_it_is_used(clinic, biller):
    ok(biller.post("/api/services", {**MASSAGE, "code": "C1"}), 201)
    version = ok(clinic.admin.get("/api/practice"))["version"]
    assert clinic.admin.patch("/api/practice", {"currency": "EUR", "version": version}).status == 409
