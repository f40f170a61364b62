"""Two people change the same appointment.

Seen in openhealthcare/opal#70, carlos-emr#105, open-mercato#1981: of two saves one is gone.
"""

import pytest

from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from patients.tests.factories import PatientFactory

JSON = "application/json"
LATEX = {"notes": "Latex allergy"}
X_RAY = {"notes": "Bring X-ray"}


@pytest.fixture
def visit(scope, as_role):
    return AppointmentFactory(patient=PatientFactory(), doctor=as_role("doctor").user)


@pytest.fixture
def path(visit):
    return f"/api/appointments/{visit.pk}"


@pytest.fixture
def two(as_role):
    return as_role("staff"), as_role("admin")


def notes(visit):
    return Appointment.objects.get(pk=visit.pk).notes


def test_version_grows_with_each_change(two, path):
    first, _ = two

    read = first.get(path)
    changed = first.patch(path, LATEX, JSON, headers={"If-Match": read["ETag"]})
    again = first.patch(path, {"status": "cancelled", "version": changed.json()["version"]}, JSON)

    assert (read["ETag"], changed["ETag"], again["ETag"]) == ('"1"', '"2"', '"3"')
    assert [answer.json()["version"] for answer in (read, changed, again)] == [1, 2, 3]


@pytest.mark.parametrize("said", ["header", "body"])
def test_stale_version_is_refused_with_the_current_state(two, path, visit, said):
    first, second = two
    how = {"headers": {"If-Match": '"1"'}} if said == "header" else {}
    body = {"version": 1} if said == "body" else {}
    assert first.patch(path, {**LATEX, **body}, JSON, **how).status_code == 200

    refused = second.patch(path, {**X_RAY, **body}, JSON, **how)

    assert refused.status_code == 409
    assert refused.json()["current"] == first.get(path).json()
    assert notes(visit) == LATEX["notes"]


def test_stale_version_is_refused_whatever_it_changes(two, path):
    first, second = two
    first.patch(path, LATEX, JSON)

    assert second.patch(path, {"status": "cancelled", "version": 1}, JSON).status_code == 409
    assert second.patch(path, {"status": "cancelled", "version": 2}, JSON).status_code == 200


def test_version_that_is_none_is_named(two, path, subtests):
    for body, headers in [
        ({"version": 0}, {}),
        ({"version": "1"}, {"If-Match": '"2"'}),
        ({}, {"If-Match": "*"}),
        ({}, {"If-Match": '"1", "2"'}),
    ]:
        with subtests.test(body=body, headers=headers):
            answer = two[0].patch(path, {**LATEX, **body}, JSON, headers=headers)

            assert (answer.status_code, set(answer.json()["errors"])) == (400, {"version"})


def test_both_read_and_save_without_a_version(two, path, visit):
    """The contract's clients know no version."""
    first, second = two
    for person in two:
        person.get("/api/appointments")
    assert first.patch(path, LATEX, JSON).status_code == 200

    refused = second.patch(path, X_RAY, JSON)

    assert (refused.status_code, refused.json()["current"]["notes"]) == (409, LATEX["notes"])
    assert notes(visit) == LATEX["notes"]


def test_who_has_seen_it_since_may_overwrite_it(two, path, visit):
    first, second = two
    first.patch(path, LATEX, JSON)
    assert second.patch(path, X_RAY, JSON).status_code == 409

    both = {"notes": f"{LATEX['notes']}. {X_RAY['notes']}"}

    assert second.patch(path, both, JSON).status_code == 200  # the refusal showed it
    assert first.patch(path, LATEX, JSON).status_code == 409
    first.get("/api/appointments")
    assert first.patch(path, LATEX, JSON).status_code == 200


def test_another_visit_of_the_patient_is_not_this_one(two, path, visit, scope):
    other = AppointmentFactory(patient=visit.patient, doctor=visit.doctor)
    booking = {"patientId": str(visit.patient_id), "doctorId": str(visit.doctor_id), "reason": "Pain"}
    booking["date"], key = "2031-03-03T10:00", {"Idempotency-Key": "b1"}
    first, second = two
    second.post("/api/appointments", booking, JSON, headers=key)
    first.patch(path, LATEX, JSON)

    second.get(f"/api/appointments/{other.pk}")
    second.patch(f"/api/appointments/{other.pk}", X_RAY, JSON)
    second.post("/api/appointments", booking, JSON, headers=key)  # the kept answer

    assert second.patch(path, X_RAY, JSON).status_code == 409
    assert notes(visit) == LATEX["notes"]


def test_fields_that_nobody_else_changed_are_taken(two, path):
    first, second = two
    first.patch(path, LATEX, JSON)

    cancelled = second.patch(path, {"status": "cancelled"}, JSON)

    assert (cancelled.status_code, cancelled.json()["notes"]) == (200, LATEX["notes"])


def test_own_changes_follow_each_other(two, path):
    first, _ = two

    assert [first.patch(path, {"notes": text}, JSON).status_code for text in "abc"] == [200] * 3


def test_same_value_is_no_conflict(two, path):
    first, second = two
    first.patch(path, LATEX, JSON)

    same = second.patch(path, LATEX, JSON)

    assert (same.status_code, same.json()["version"]) == (200, 2)


def test_refusal_that_shows_the_current_state_is_in_the_trail(two, path, visit):
    first, second = two
    first.patch(path, LATEX, JSON)

    second.patch(path, X_RAY, JSON)

    shown = whole_trail().filter(user_id=second.user.pk, kind=AuditEvent.APPOINTMENT_READ).get()
    assert shown.about_id == visit.pk
    assert str(visit.patient_id) in shown.patients


def test_closed_chart_stays_closed_in_the_refusal(two, path, visit):
    first, second = two
    first.patch(path, LATEX, JSON)
    visit.patient.restricted = True
    visit.patient.save()

    refused = second.patch(path, {"status": "cancelled", "version": 1}, JSON)

    assert (refused.status_code, refused.json()["current"]["notes"]) == (409, None)


def test_stale_status_does_not_undo_a_cancellation(two, path):
    first, second = two
    second.get(path)
    first.patch(path, {"status": "cancelled"}, JSON)

    assert second.patch(path, {"status": "scheduled"}, JSON, headers={"If-Match": '"1"'}).status_code == 409


def test_version_grows_where_many_rows_change_at_once(as_role, scope):
    """A merge moves what waits for a visit to the other chart."""
    desk, (kept, twice) = as_role("staff"), (PatientFactory() for _ in range(2))
    entry = desk.post("/api/waiting-list", {"patientId": str(twice.pk)}, JSON).json()
    path = f"/api/waiting-list/{entry['id']}"

    desk.post(f"/api/patients/{kept.pk}/merge", {"from": str(twice.pk)}, JSON)
    answer = desk.patch(path, {"note": "Called"}, JSON, headers={"If-Match": f'"{entry["version"]}"'})

    assert (answer.status_code, answer.json()["current"]["patientId"]) == (409, str(kept.pk))
    assert desk.get(path)["ETag"] == f'"{entry["version"] + 1}"'
