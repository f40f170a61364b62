"""PATCH /api/appointments/:id."""

import pytest

from tests.contract.clinic import NOBODY, TAKEN, fresh_slot, later, past_slot


def test_cancelled_appointment_frees_its_slot_and_cannot_be_reopened_once_it_is_taken(clinic):
    first = clinic.booking(chart=clinic.chart()["id"])
    cancelled = clinic.staff.patch(f"/api/appointments/{first['id']}", {"status": "cancelled"})
    late = {"cancelledAt": cancelled.json["cancelledAt"], "cancelledLate": False}
    assert (cancelled.status, cancelled.json) == (200, {**first, **late, "status": "cancelled", "version": 2})

    second = clinic.booking(chart=clinic.chart()["id"], date=first["date"])

    reopened = clinic.staff.patch(f"/api/appointments/{first['id']}", {"status": "scheduled"})
    assert (reopened.status, reopened.json) == (409, TAKEN)
    clinic.staff.patch(f"/api/appointments/{second['id']}", {"status": "cancelled"})
    assert clinic.staff.patch(f"/api/appointments/{first['id']}", {"status": "scheduled"}).status == 200


def test_moving_into_a_taken_slot_changes_nothing(clinic):
    taken, moving = (clinic.booking(chart=clinic.chart()["id"]) for _ in range(2))

    answer = clinic.staff.patch(f"/api/appointments/{moving['id']}", {"date": taken["date"], "notes": "Moved"})

    assert (answer.status, answer.json) == (409, TAKEN)
    untouched = clinic.staff.get(f"/api/appointments/{moving['id']}")
    assert (untouched.status, untouched.json) == (200, moving)


@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_practice_moves_notes_completes_and_reopens(clinic, role):
    made, slot = clinic.booking(chart=clinic.chart()["id"]), past_slot()
    path, caller = f"/api/appointments/{made['id']}", clinic.as_role(role)

    moved = caller.patch(path, {"date": slot, "allowPast": True})
    assert (moved.status, moved.json) == (200, {**made, "date": slot, "endsAt": later(slot), "version": 2})
    noted = caller.patch(path, {"notes": "Brings X-rays"})
    assert noted.json == {**moved.json, "notes": "Brings X-rays", "version": 3}
    for version, status in enumerate(("completed", "scheduled", "cancelled", "scheduled"), start=4):
        facts = {"completed": {"finishedAt"}, "cancelled": {"cancelledAt", "cancelledLate"}}.get(status, set())
        changed = caller.patch(path, {"status": status}).json
        assert changed.keys() - noted.json.keys() == facts
        assert {name: changed[name] for name in noted.json} == {**noted.json, "status": status, "version": version}
    assert caller.patch(path, {"notes": None}).json == {**noted.json, "notes": "", "version": 8}


def test_billing_changes_nothing(clinic):
    made = clinic.booking(chart=clinic.chart()["id"])

    assert clinic.billing.patch(f"/api/appointments/{made['id']}", {"status": "cancelled"}).status == 403


def test_patient_moves_and_cancels_their_own(clinic):
    made = clinic.booking(chart=clinic.chart_of(clinic.patient))
    path, slot = f"/api/appointments/{made['id']}", fresh_slot()

    assert clinic.patient.patch(path, {"date": slot}).json == {
        **made,
        "date": slot,
        "endsAt": later(slot),
        "version": 2,
    }
    assert clinic.patient.patch(path, {"status": "cancelled"}).json["status"] == "cancelled"


@pytest.mark.parametrize("changes", [{"status": "completed"}, {"notes": "From me"}])
def test_patient_neither_completes_nor_notes(clinic, changes):
    made = clinic.booking(chart=clinic.chart_of(clinic.patient))

    answer = clinic.patient.patch(f"/api/appointments/{made['id']}", changes)

    assert answer.status == 403
    assert set(answer.json) == {"detail"}


def test_patient_leaves_the_past_and_the_cancelled_as_they_are(clinic):
    own = clinic.chart_of(clinic.patient)
    past = clinic.booking(chart=own, date=past_slot())
    cancelled = clinic.booking(chart=own)
    clinic.staff.patch(f"/api/appointments/{cancelled['id']}", {"status": "cancelled"})

    for made, changes in [
        (past, {"status": "cancelled"}),
        (past, {"date": fresh_slot()}),
        (cancelled, {"status": "scheduled"}),
        (cancelled, {"date": fresh_slot()}),
    ]:
        assert clinic.patient.patch(f"/api/appointments/{made['id']}", changes).status == 403


def test_patient_neither_sees_nor_changes_anybody_elses(clinic):
    other = clinic.booking(chart=clinic.chart()["id"])

    answer = clinic.patient.patch(f"/api/appointments/{other['id']}", {"status": "cancelled"})

    assert (answer.status, answer.json) == (404, {"detail": "Appointment not found."})
    own = clinic.chart_of(clinic.patient)
    rows = clinic.patient.get("/api/appointments", limit=100, doctorId=clinic.doctor.id).json["appointments"]
    assert {row["patientId"] for row in rows} <= {own}


def test_another_practices_appointment_does_not_exist(clinic, subtests):
    for role in ["admin", "doctor", "staff", "patient"]:
        with subtests.test(role=role):
            foreign, caller = clinic.elsewhere.foreign_booking, clinic.as_role(role)

            answer = caller.patch(f"/api/appointments/{foreign['id']}", {"status": "cancelled"})

            assert (answer.status, answer.json) == (404, {"detail": "Appointment not found."})
            day = foreign["date"][:10]
            listed = caller.get("/api/appointments", date=day, doctorId=foreign["doctorId"]).json
            assert listed == {"appointments": [], "total": 0}


def test_unknown_id_is_404(clinic, subtests):
    for bad in [NOBODY, "1", "abc", ""]:
        with subtests.test(bad=bad):
            answer = clinic.staff.patch(f"/api/appointments/{bad}", {"status": "cancelled"})

            assert answer.status == 404
            assert set(answer.json) == {"detail"}


def test_invalid_change_names_the_field(clinic, subtests):
    made = clinic.booking(chart=clinic.chart()["id"])

    for changes, field in [
        ({"status": "no-show"}, "status"),
        ({"status": None}, "status"),
        ({"status": ["cancelled"]}, "status"),
        ({"date": None}, "date"),
        ({"date": "2101-01-01T00:00:00Z"}, "date"),
        ({"date": "1999-12-31T23:59:59Z"}, "date"),
        ({"notes": 5}, "notes"),
    ]:
        with subtests.test(changes=changes, field=field):
            answer = clinic.staff.patch(f"/api/appointments/{made['id']}", changes)

            assert (answer.status, set(answer.json["errors"])) == (400, {field})
