"""GET and POST /api/records."""

import pytest

from tests.contract.clinic import NOBODY, RECORD
from tests.contract.test_users import MOMENT

FIELDS = {"id", "patientId", "patientName", "doctorId", "doctorName", "date", "diagnosis", "prescription", "notes"}
NO_PATIENT = {"detail": "Patient not found."}


def test_doctor_writes_a_record(clinic):
    chart = clinic.chart()
    attachments = ["x-ray 2026-11-20.png", "https://files.example/7"]

    answer = clinic.doctor.post("/api/records", {"patientId": chart["id"], **RECORD, "attachments": attachments})

    assert answer.status == 201
    record = answer.json
    assert set(record) == FIELDS | {"attachments"}
    assert {name: record[name] for name in RECORD} == RECORD
    assert record["attachments"] == attachments
    assert (record["patientId"], record["patientName"]) == (chart["id"], chart["name"])
    assert (record["doctorId"], record["doctorName"]) == (clinic.doctor.id, "Demo Doctor")
    assert MOMENT.fullmatch(record["date"])
    assert clinic.staff.get("/api/records", patientId=chart["id"]).json == {"records": [record], "total": 1}


def test_attachments_may_be_left_out(clinic):
    assert clinic.record(chart=clinic.chart()["id"])["attachments"] == []


def test_only_doctors_write_records(clinic, subtests):
    for role in ["admin", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            chart = clinic.chart_of(clinic.patient) if role == "patient" else clinic.chart()["id"]

            answer = clinic.as_role(role).post("/api/records", {"patientId": chart, **RECORD})

            assert (answer.status, answer.json) == (403, {"detail": "You don't have permission to do this."})


@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_practices_records_are_read_latest_first(clinic, role):
    chart = clinic.chart()["id"]
    records = [clinic.record(chart=chart, notes=f"Visit {number}") for number in range(3)]

    assert clinic.as_role(role).get("/api/records", patientId=chart).json == {"records": records[::-1], "total": 3}
    newest = clinic.as_role(role).get("/api/records", limit=1).json
    assert newest["records"] == [records[2]]
    pages = [clinic.staff.get("/api/records", patientId=chart, page=n, limit=2).json for n in (1, 2, 3)]
    assert [row for page in pages for row in page["records"]] == records[::-1]
    assert [page["total"] for page in pages] == [3] * 3


def test_billing_reads_no_records(clinic):
    answer = clinic.billing.get("/api/records")

    assert (answer.status, answer.json) == (403, {"detail": "You don't have permission to do this."})


def test_patient_reads_their_own_and_no_other(clinic):
    own = clinic.chart_of(clinic.patient)
    mine = clinic.record(chart=own)
    other = clinic.chart()["id"]
    clinic.record(chart=other)

    listed = clinic.patient.get("/api/records", limit=100).json

    assert mine in listed["records"]
    assert {row["patientId"] for row in listed["records"]} == {own}
    assert listed["total"] == len(listed["records"])
    refused = clinic.patient.get("/api/records", patientId=other)
    assert (refused.status, refused.json) == (404, NO_PATIENT)


def test_another_practices_records_do_not_exist(clinic, subtests):
    for role in ["admin", "doctor", "staff", "patient"]:
        with subtests.test(role=role):
            foreign, caller = clinic.elsewhere.foreign_record, clinic.as_role(role)

            answer = caller.get("/api/records", patientId=foreign["patientId"])

            assert (answer.status, answer.json) == (404, NO_PATIENT)
            assert foreign["id"] not in [row["id"] for row in caller.get("/api/records", limit=100).json["records"]]


def test_nothing_is_written_into_another_practices_chart(clinic):
    for chart in (clinic.elsewhere.foreign_chart["id"], NOBODY):
        answer = clinic.doctor.post("/api/records", {"patientId": chart, **RECORD})
        assert (answer.status, answer.json) == (404, NO_PATIENT)
    assert clinic.elsewhere.doctor.get("/api/records").json["total"] == 1


def test_anonymous_caller_is_refused(anonymous):
    assert anonymous.get("/api/records").status == 401
    assert anonymous.post("/api/records", {}).status == 401


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_record_stays_as_it_was_written(clinic, method):
    answer = clinic.doctor.request(method, "/api/records", json={})

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")
    if method != "DELETE":
        assert clinic.doctor.request(method, f"/api/records/{NOBODY}", json={}).status == 405


def test_invalid_patient_id_is_named(clinic, subtests):
    for bad in ["abc", "1", "\x00", "null"]:
        with subtests.test(bad=bad):
            answer = clinic.staff.get("/api/records", patientId=bad)

            assert (answer.status, set(answer.json["errors"])) == (400, {"patientId"})


def test_invalid_field_is_named(clinic, subtests):
    for field, value, named in [
        ("patientId", "abc", "patientId"),
        ("patientId", None, "patientId"),
        ("diagnosis", "", "diagnosis"),
        ("diagnosis", None, "diagnosis"),
        ("diagnosis", "d" * 10_001, "diagnosis"),
        ("diagnosis", ["d"], "diagnosis"),
        ("diagnosis", 7, "diagnosis"),
        ("prescription", None, "prescription"),
        ("prescription", {}, "prescription"),
        ("notes", None, "notes"),
        ("notes", "n" * 20_001, "notes"),
        ("notes", "n\x00", "notes"),
        ("attachments", "x-ray.png", "attachments"),
        ("attachments", {"0": "x-ray.png"}, "attachments"),
        ("attachments", ["a"] * 51, "attachments"),
        ("attachments", [1], "attachments.0"),
        ("attachments", ["a", None], "attachments.1"),
        ("attachments", ["a", ""], "attachments.1"),
        ("attachments", [["a"]], "attachments.0"),
        ("attachments", ["a" * 501], "attachments.0"),
    ]:
        with subtests.test(field=field, value=value, named=named):
            answer = clinic.doctor.post("/api/records", {"patientId": NOBODY, **RECORD, field: value})

            assert answer.status == 400, answer
            assert set(answer.json["errors"]) == {named}


def test_required_field_is_named_when_it_is_missing(clinic, subtests):
    whole = {"patientId": NOBODY, **RECORD}

    for field in whole:
        with subtests.test(field=field):
            body = {name: value for name, value in whole.items() if name != field}

            answer = clinic.doctor.post("/api/records", body)

            assert (answer.status, set(answer.json["errors"])) == (400, {field})
