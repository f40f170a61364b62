"""What was sent is dropped without a word.

Seen in django-rest-framework#6508, #4086, #6434 and #959, tastypie#601, openemr#6024 and #3661, cliniko-api (filters).
Every operation is asked in tests/guards/test_operations.py.
"""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from appointments.tests.factories import AppointmentFactory
from core.api.names import NOTHING_SENT
from core.api.parsers import DUPLICATE_FIELD
from patients.models import Patient
from patients.tests.factories import PatientFactory
from tests.found.bodies import CHART

JSON = "application/json"
UNKNOWN = ["Unknown field."]
FIXED = ["This can't be changed here."]


@pytest.fixture
def visit(chart, doctor):
    return AppointmentFactory(patient=chart, doctor=doctor.user, notes="First")


def address(visit):
    return f"/api/appointments/{visit.pk}"


def test_misspelt_merge_settles_nothing(staff, chart, scope):
    pending = PatientFactory(status="pending")

    answer = staff.post(f"/api/registrations/{pending.pk}/confirm", {"patientID": str(chart.pk)}, JSON)

    assert (answer.status_code, answer.json()["errors"]) == (400, {"patientID": UNKNOWN})
    assert Patient.objects.get(pk=pending.pk).status == "pending"


def test_medical_history_of_a_new_chart_is_kept(staff):
    made = staff.post("/api/patients", {**CHART, "medicalHistory": "Asthma since 1990"}, JSON).json()

    assert made["medicalHistory"] == "Asthma since 1990"
    assert staff.get(f"/api/patients/{made['id']}").json()["medicalHistory"] == "Asthma since 1990"


def test_unknown_name_at_booking_is_refused(staff, chart, doctor, subtests):
    booking = {
        "patientId": str(chart.pk),
        "doctorId": str(doctor.user.pk),
        "date": "2031-03-03T10:00",
        "reason": "Pain",
    }
    for extra in ({"duration": 90}, {"endsAt": "2031-03-03T11:30"}, {"status": "completed"}, {"Reason": "Pain"}):
        with subtests.test(extra=extra):
            answer = staff.post("/api/appointments", {**booking, **extra}, JSON)

            assert (answer.status_code, answer.json()["errors"]) == (400, dict.fromkeys(extra, UNKNOWN))
    assert staff.get("/api/appointments").json()["total"] == 0


def test_visit_takes_a_reason_and_a_doctor(staff, visit, as_role):
    colleague = as_role("doctor").user

    changed = staff.patch(address(visit), {"reason": "Knee pain", "doctorId": str(colleague.pk)}, JSON)

    assert changed.status_code == 200
    assert (changed.json()["reason"], changed.json()["doctorName"]) == ("Knee pain", colleague.name)


def test_visit_of_a_busy_doctor_is_not_handed_over(staff, visit, as_role, chart):
    colleague = as_role("doctor").user
    AppointmentFactory(patient=chart, doctor=colleague, starts_at=visit.starts_at, ends_at=visit.ends_at)

    assert staff.patch(address(visit), {"doctorId": str(colleague.pk)}, JSON).status_code == 409
    assert staff.patch(address(visit), {"doctorId": str(staff.user.pk)}, JSON).status_code == 404


def test_what_a_visit_does_not_take_is_named(staff, visit, subtests):
    for body, errors in [
        ({"state": "cancelled"}, {"state": UNKNOWN}),
        ({"Status": "cancelled"}, {"Status": UNKNOWN}),
        ({"patientId": "01890000-0000-7000-8000-000000000000"}, {"patientId": FIXED}),
        ({"patientName": "Another", "status": "cancelled"}, {"patientName": FIXED}),
        ({"id": None}, {"id": FIXED}),
    ]:
        with subtests.test(body=body):
            answer = staff.patch(address(visit), body, JSON)

            assert (answer.status_code, answer.json()["errors"]) == (400, errors)
    assert staff.get(address(visit)).json()["status"] == "scheduled"


def test_whole_object_may_be_sent_back(staff, visit, as_role, client_of, chart, subtests):
    read = staff.get(address(visit)).json()

    same = staff.patch(address(visit), read, JSON)
    moved = staff.patch(address(visit), {**read, "date": read["date"].replace("Z", ".000Z"), "notes": "Second"}, JSON)

    assert (same.status_code, same.json()) == (200, read)
    assert (moved.status_code, moved.json()) == (200, {**read, "notes": "Second", "version": 2})


def test_patient_sends_the_whole_object_back_to_cancel(visit, chart, make_user, client_of):
    patient = make_user("patient")
    chart.user_id = patient.pk
    chart.save()
    client = client_of(patient)

    read = client.get(address(visit)).json()
    answer = client.patch(address(visit), {**read, "status": "cancelled"}, JSON)

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_closed_chart_is_sent_back_as_it_was_shown(staff, visit, chart):
    chart.restricted = True
    chart.save()
    read = staff.get(address(visit)).json()
    assert (read["reason"], read["notes"]) == (None, None)

    answer = staff.patch(address(visit), {**read, "status": "cancelled"}, JSON)

    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    visit.refresh_from_db()
    assert visit.notes == "First"


@pytest.mark.parametrize("role", ["staff", "admin", "doctor", "patient"])
def test_own_account_sent_back_and_misspelt(as_role, role):
    client = as_role(role)
    read = client.get("/api/users/me").json()

    assert client.patch("/api/users/me", read, JSON).json() == read
    refused = client.patch("/api/users/me", {"phnoe": "1", "role": "admin", "email": "x@example.com"}, JSON)
    assert refused.status_code == 400
    if role != "admin":
        assert refused.json()["errors"] == {"phnoe": UNKNOWN, "role": FIXED, "email": FIXED}


def test_empty_change_is_refused(as_role, staff, visit, subtests):
    admin = as_role("admin")
    office = admin.post("/api/offices", {"name": "Midtown"}, JSON).json()["id"]
    for client, path in [
        (staff, address(visit)),
        (staff, "/api/users/me"),
        (admin, f"/api/users/{staff.user.pk}"),
        (admin, f"/api/offices/{office}"),
        (admin, "/api/practice"),
    ]:
        with subtests.test(path=path):
            answer = client.patch(path, {}, JSON)

            assert (answer.status_code, len(answer.json()["errors"])) == (400, 1)


def test_version_or_a_consent_alone_changes_nothing(staff, visit, subtests):
    for body in ({"version": 1}, {"allowPast": True, "allowOverlap": True}):
        with subtests.test(body=body):
            answer = staff.patch(address(visit), body, JSON)

            assert (answer.status_code, list(answer.json()["errors"].values())) == (400, [[NOTHING_SENT]])


def test_office_and_account_may_be_sent_back(as_role, staff):
    admin = as_role("admin")
    office = admin.post("/api/offices", {"name": "Midtown"}, JSON).json()
    account = next(one for one in admin.get("/api/users").json()["users"] if one["id"] == str(staff.user.pk))

    assert admin.patch(f"/api/offices/{office['id']}", {**office, "phone": "1"}, JSON).json() == {
        **office,
        "phone": "1",
        "version": office["version"] + 1,
    }
    assert admin.patch(f"/api/users/{account['id']}", account, JSON).json() == account
    assert admin.patch(f"/api/users/{account['id']}", {**account, "name": "X"}, JSON).json()["errors"] == {
        "name": FIXED
    }


def test_practice_and_own_account_may_be_sent_back_by_their_manager(as_role):
    admin = as_role("admin")
    practice = admin.get("/api/practice").json()
    own = next(one for one in admin.get("/api/users").json()["users"] if one["id"] == str(admin.user.pk))

    assert admin.patch("/api/practice", {**practice, "bookingMonthsAhead": 6}, JSON).json() == {
        **practice,
        "bookingMonthsAhead": 6,
        "version": 2,
    }
    assert admin.patch("/api/practice", {**practice, "version": 2, "id": own["id"]}, JSON).json()["errors"] == {
        "id": FIXED
    }
    assert admin.patch(f"/api/users/{own['id']}", own, JSON).json() == own
    assert admin.patch(f"/api/users/{own['id']}", {"isActive": False}, JSON).status_code == 403


def test_yes_and_no_are_true_and_false(as_role, visit):
    admin = as_role("admin")

    for path, name in [("/api/practice", "twoFactorRequired"), (address(visit), "allowPast")]:
        assert admin.patch(path, {name: "no"}, JSON).json()["errors"] == {name: ["This must be true or false."]}


def test_what_is_not_there_may_be_sent_back_as_null(staff, visit, doctor):
    """An object of a client has all its members: what an answer leaves out is null in it."""
    assert "officeId" not in staff.get(address(visit)).json()

    assert staff.patch(address(visit), {"officeId": None, "notes": "Second"}, JSON).json()["notes"] == "Second"
    assert doctor.patch("/api/users/me", {"department": None, "phone": "555 0100"}, JSON).status_code == 200
    assert staff.patch(address(visit), {"office": None}, JSON).json()["errors"] == {"office": UNKNOWN}


def test_plan_may_be_sent_back_with_its_goals(doctor, chart):
    body = {"patientId": str(chart.pk), "title": "Back to work", "startsOn": "2026-11-02", "goals": [{"text": "Lift"}]}
    made = doctor.post("/api/plans", body, JSON).json()
    path, goal = f"/api/plans/{made['id']}", made["goals"][0]
    read = doctor.post(f"{path}/goals/{goal['id']}/progress", {"text": "6 kg"}, JSON).json()
    changed = {**read["goals"][0], "status": "met"}

    amended = doctor.post(f"{path}/amendments", {**read, "reason": "Done", "goals": [changed]}, JSON)
    invented = {**changed, "progress": []}
    refused = doctor.post(f"{path}/amendments", {**amended.json(), "reason": "x", "goals": [invented]}, JSON)

    assert (amended.status_code, amended.json()["goals"]) == (200, [changed])
    assert (refused.status_code, refused.json()["errors"]) == (400, {"goals.0.progress": UNKNOWN})


def test_notes_and_records_may_be_sent_back_with_a_reason(doctor, chart):
    record = doctor.post(
        "/api/records", {"patientId": str(chart.pk), "diagnosis": "Strain", "prescription": "", "notes": ""}, JSON
    ).json()
    whole = doctor.get(f"/api/records/{record['id']}").json()
    draft = doctor.post("/api/sessions", {"patientId": str(chart.pk), "plan": "Rest"}, JSON).json()

    amended = doctor.post(
        f"/api/records/{record['id']}/amendments", {**whole, "notes": "Ice", "reason": "Left out"}, JSON
    )
    saved = doctor.patch(f"/api/sessions/{draft['id']}", {**draft, "plan": "Rest, ice"}, JSON)
    finalised = doctor.post(f"/api/sessions/{draft['id']}/finalise", {"version": 2, "status": "draft"}, JSON)

    assert (amended.status_code, amended.json()["notes"]) == (200, "Ice")
    assert (saved.status_code, saved.json()["plan"]) == (200, "Rest, ice")
    assert finalised.status_code == 200
    assert doctor.post(
        f"/api/records/{record['id']}/amendments", {"version": 2, "reason": "x", "date": "2020-01-01T10:00Z"}, JSON
    ).json()["errors"] == {"date": FIXED}


def test_record_takes_the_date_of_its_encounter(doctor, chart):
    body = {"patientId": str(chart.pk), "diagnosis": "Strain", "prescription": "", "notes": ""}

    made = doctor.post("/api/records", {**body, "date": "2026-03-02T10:30"}, JSON)  # in New York
    refused = doctor.post("/api/records", {**body, "appointmentId": str(chart.pk)}, JSON)

    assert (made.status_code, made.json()["date"]) == (201, "2026-03-02T15:30:00Z")
    assert (refused.status_code, refused.json()["errors"]) == (400, {"appointmentId": UNKNOWN})


def test_misspelt_query_is_refused(staff, subtests):
    for path in ("patients?serach=jensen", "patients?Search=jensen", "appointments?doctor=x", "records?patient=x"):
        with subtests.test(path=path):
            answer = staff.get(f"/api/{path}")

            assert (answer.status_code, list(answer.json()["errors"].values())) == (400, [UNKNOWN])


def test_filter_without_a_value_is_refused(as_role, staff, subtests):
    """DRF takes it for one that was not sent: `?status=` showed every appointment."""
    for client, path, name in [
        (staff, "appointments", "status"),
        (staff, "appointments", "from"),
        (staff, "appointments", "date"),
        (staff, "appointments", "updatedSince"),
        (staff, "appointments", "patientId"),
        (staff, "patients", "incomplete"),
        (staff, "waiting-list", "state"),
        (as_role("doctor"), "sessions", "status"),
        (as_role("doctor"), "measures", "kind"),
        (as_role("billing"), "invoices", "status"),
        (as_role("billing"), "services", "active"),
        (as_role("admin"), "audit", "event"),
    ]:
        with subtests.test(path=path, name=name):
            answer = client.get(f"/api/{path}?{name}=")

            assert (answer.status_code, set(answer.json()["errors"])) == (400, {name})
    assert staff.get("/api/patients?search=&cursor=").status_code == 200  # everybody, from the beginning


def test_compressed_body_is_not_read_as_it_is(staff, visit):
    answer = staff.patch(address(visit), {"notes": "Second"}, JSON, headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, answer.json()) == (415, {"detail": "Send the body without a Content-Encoding."})
    as_it_is = staff.patch(address(visit), {"notes": "Second"}, JSON, headers={"Content-Encoding": "identity"})
    assert as_it_is.status_code == 200


def test_query_given_twice_is_refused(staff):
    answer = staff.get("/api/patients?limit=5&limit=6")

    assert (answer.status_code, answer.json()["errors"]) == (400, {"limit": ["Sent more than once."]})


def test_name_given_twice_in_a_body_is_refused(staff, visit):
    for body, name in [('{"notes": "a", "reason": "x", "notes": "b"}', "notes"), ('{"x": {"y": 1, "y": 2}}', "y")]:
        answer = staff.patch(address(visit), body, JSON)

        assert (answer.status_code, answer.json()["errors"]) == (400, {name: ["Sent more than once."]})


def test_field_given_twice_in_an_upload_is_refused(doctor, chart):
    file = SimpleUploadedFile("findings.txt", b"Normal", "text/plain")

    answer = doctor.post("/api/attachments", {"patientId": [str(doctor.user.pk), str(chart.pk)], "file": file})

    assert (answer.status_code, answer.json()["errors"]) == (400, {"patientId": [DUPLICATE_FIELD]})


def test_form_with_fields_is_not_ignored(as_role, scope):
    admin, pending = as_role("admin"), PatientFactory(status="declined")
    path = f"/api/registrations/{pending.pk}/reopen"

    assert admin.post(path, {"reason": "x"}).json()["errors"] == {"reason": UNKNOWN}  # multipart/form-data
    assert admin.post(path).status_code == 200


def test_condition_that_would_be_ignored_is_refused(as_role, visit, staff, subtests):
    since = {"If-Unmodified-Since": "Mon, 02 Nov 2026 10:00:00 GMT"}
    for client, path, body, headers in [
        (as_role("admin"), "/api/users/me", {"name": "New"}, {"If-Match": '"1"'}),
        (staff, address(visit), {"notes": "Second"}, since),
        (staff, address(visit), {"notes": "Second"}, {"If-None-Match": "*"}),
    ]:
        with subtests.test(path=path):
            answer = client.patch(path, body, JSON, headers=headers)

            assert (answer.status_code, set(answer.json()["errors"])) == (400, set(headers))
    assert staff.get(address(visit), headers=since).status_code == 200


def test_appointments_of_a_patient_and_of_a_range(staff, doctor, chart, visit, scope, subtests):
    other = AppointmentFactory(patient=PatientFactory(), doctor=doctor.user)
    first = visit.starts_at.isoformat().replace("+00:00", "Z")
    day = visit.starts_at.astimezone(scope.tzinfo).strftime("%Y-%m-%d")
    for query, expected in [
        ({"patientId": str(chart.pk)}, {str(visit.pk)}),
        ({"patientId": str(other.patient_id)}, {str(other.pk)}),
        ({"from": first, "to": other.starts_at.isoformat()}, {str(visit.pk)}),
        ({"from": day}, {str(visit.pk), str(other.pk)}),
        ({"from": "2029-01-01", "to": "2029-12-31"}, set()),
        ({"from": "2031-01-01"}, set()),
    ]:
        with subtests.test(query=query):
            answer = staff.get("/api/appointments", query).json()

            assert {row["id"] for row in answer["appointments"]} == expected
            assert answer["total"] == len(expected)
    with subtests.test("unknown patient"):
        assert staff.get("/api/appointments", {"patientId": str(doctor.user.pk)}).status_code == 404


@pytest.mark.parametrize("role", ["admin", "doctor", "staff", "billing"])
def test_one_appointment_can_be_read(as_role, visit, role):
    client = as_role(role)

    answer = client.get(address(visit))

    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert (
        answer.json() == client.get("/api/appointments", {"patientId": str(visit.patient_id)}).json()["appointments"][0]
    )
    assert answer.json()["notes"] == (None if role == "billing" else "First")


def test_appointment_of_another_practice_or_patient_is_not_read(as_role, visit, other_practice, make_user, client_of):
    stranger = client_of(make_user("staff", practice=other_practice))

    assert stranger.get(address(visit)).status_code == 404
    assert as_role("patient").get(address(visit)).status_code == 404
