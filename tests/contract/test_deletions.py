"""Deleting and restoring, the list of the deleted and legal holds."""

from tests.contract.clients import UNSET
from tests.contract.clinic import NOBODY
from tests.contract.session_notes.writing import finalised, write
from tests.contract.test_users import MOMENT

REASON = {"reason": "Opened twice by mistake"}
NO_PATIENT = {"detail": "Patient not found."}
DELETED = ["id", "deletedAt", "restorableUntil", "keptUntil", "message"]
LISTED = [
    *("kind", "id", "patientId", "patientName", "deletedAt", "deletedById", "deletedByName"),
    *("reason", "restorableUntil", "keptUntil", "legalHold"),
]


def delete(by, path, body=REASON):
    return by.request("DELETE", path, json=body)


def lift(clinic, path):
    return clinic.admin.request("DELETE", f"{path}/legal-hold")


def listed(clinic, chart, **query):
    answer = clinic.admin.get("/api/deleted", patientId=chart["id"], **query)
    assert answer.status == 200, answer
    assert list(answer.json) == ["deleted", "total", "page", "limit"]
    return answer.json["deleted"]


def test_chart_is_hidden_with_all_that_is_in_it_and_comes_back_whole(clinic):
    chart = clinic.chart(name="Ada Byron")
    booking, record = clinic.booking(chart=chart["id"]), clinic.record(chart=chart["id"])
    note = finalised(clinic, chart["id"])
    path = f"/api/patients/{chart['id']}"

    answer = delete(clinic.admin, path)

    assert answer.status == 200
    assert list(answer.json) == DELETED
    for moment in ("deletedAt", "restorableUntil", "keptUntil"):
        assert MOMENT.fullmatch(answer.json[moment])
    assert (clinic.admin.get(path).status, clinic.admin.get(path).json) == (404, NO_PATIENT)
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").status == 404
    assert clinic.doctor.get("/api/records", patientId=chart["id"]).status == 404
    assert clinic.staff.patch(f"/api/appointments/{booking['id']}", {"status": "completed"}).status == 404
    (row,) = listed(clinic, chart)
    assert list(row) == LISTED
    assert (row["kind"], row["id"], row["patientName"]) == ("patient", chart["id"], "Ada Byron")
    assert (row["reason"], row["deletedById"], row["legalHold"]) == (REASON["reason"], clinic.admin.id, False)

    restored = clinic.admin.post(f"{path}/restore")

    assert (restored.status, list(restored.json)) == (200, ["id", "restoredAt"])
    assert clinic.admin.get(path).json == chart
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note
    assert clinic.doctor.get("/api/records", patientId=chart["id"]).json["records"] == [record]
    assert listed(clinic, chart) == []


def test_doctor_deletes_a_draft_and_has_it_back(clinic):
    chart = clinic.chart()
    draft = write(clinic, chart["id"], plan="Rest")
    path = f"/api/sessions/{draft['id']}"

    assert delete(clinic.doctor, path).json["keptUntil"] is None
    assert clinic.doctor.get(path).status == 404
    assert [row["kind"] for row in listed(clinic, chart, kind="session")] == ["session"]
    assert clinic.doctor.post(f"{path}/restore").status == 200
    assert clinic.doctor.get(path).json == draft


def test_office_manager_deletes_a_record_that_its_author_may_not(clinic):
    chart = clinic.chart()
    path = f"/api/records/{clinic.record(chart=chart['id'])['id']}"

    assert delete(clinic.doctor, path).status == 403
    assert delete(clinic.admin, path).status == 200
    assert clinic.doctor.post(f"{path}/restore").status == 403
    assert clinic.admin.post(f"{path}/restore").status == 200


def test_reason_is_asked_for(clinic, subtests):
    chart = clinic.chart()

    for body in [UNSET, {}, {"reason": " "}, {"reason": 7}, {"reason": "x" * 1001}]:
        with subtests.test(body=body):
            answer = delete(clinic.admin, f"/api/patients/{chart['id']}", body)

            assert answer.status == 400
            assert list(answer.json["errors"]) == ["reason"]
            assert clinic.admin.get(f"/api/patients/{chart['id']}").status == 200


def test_what_does_not_exist_is_neither_deleted_nor_restored_nor_held(clinic):
    foreign = clinic.elsewhere.foreign_chart["id"]

    for chart_id in (NOBODY, foreign):
        path = f"/api/patients/{chart_id}"
        assert delete(clinic.admin, path).json == NO_PATIENT
        assert clinic.admin.post(f"{path}/restore").json == NO_PATIENT
        assert clinic.admin.post(f"{path}/legal-hold", REASON).json == NO_PATIENT
        assert lift(clinic, path).json == NO_PATIENT
        assert clinic.admin.get("/api/deleted", patientId=chart_id).json == NO_PATIENT


def test_hold_stands_in_the_list(clinic):
    chart = clinic.chart()
    path = f"/api/patients/{chart['id']}"
    delete(clinic.admin, path)

    placed = clinic.admin.post(f"{path}/legal-hold", {"reason": "Order of the court"})

    assert (placed.status, list(placed.json)) == (201, ["patientId", "placedAt", "placedById"])
    assert listed(clinic, chart)[0]["legalHold"] is True
    assert clinic.admin.post(f"{path}/legal-hold", REASON).status == 409
    assert lift(clinic, path).status == 204
    assert lift(clinic, path).status == 409
    assert listed(clinic, chart)[0]["legalHold"] is False
