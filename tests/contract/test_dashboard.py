"""GET /api/dashboard/stats: the numbers of each role."""

from datetime import UTC, datetime

from tests.contract.clinic import fresh_slot, past_slot

STATS = "/api/dashboard/stats"
NUMBERS = {
    "admin": {"totalPatients", "totalDoctors", "totalAppointments", "revenue"},
    "doctor": {"assignedPatients", "todayAppointments", "pendingReports"},
    "staff": {"managedPatients", "scheduledAppointments", "pendingRegistrations"},
    "billing": {"managedPatients", "scheduledAppointments", "pendingRegistrations"},
    "patient": {"upcomingAppointments", "medicalRecords", "prescriptions"},
}


def change(caller, did):
    """By how much each number of this caller's dashboard moves."""
    before = caller.get(STATS).json
    did()
    after = caller.get(STATS).json
    return {name: after[name] - before[name] for name in after if after[name] != before[name]}


def test_each_role_sees_its_own_whole_numbers(clinic, subtests):
    for role in NUMBERS:
        with subtests.test(role=role):
            answer = clinic.as_role(role).get(STATS)

            assert answer.status == 200
            assert set(answer.json) == NUMBERS[role]
            assert all(type(number) is int and number >= 0 for number in answer.json.values())


def test_anonymous_caller_is_refused(anonymous):
    assert anonymous.get(STATS).status == 401


def test_numbers_are_read_only(clinic, subtests):
    for method in ["POST", "PUT", "PATCH", "DELETE"]:
        with subtests.test(method=method):
            answer = clinic.admin.request(method, STATS, json={})

            assert (answer.status, answer.headers["Allow"]) == (405, "GET")


def test_admins_numbers_count_the_practice(clinic):
    clinic.elsewhere  # noqa: B018 - another practice is there
    chart, doctor = clinic.chart()["id"], clinic.doctor.id

    assert change(clinic.admin, lambda: clinic.chart()) == {"totalPatients": 1}
    assert change(clinic.admin, lambda: clinic.register("doctor")) == {"totalDoctors": 1}
    assert change(clinic.admin, lambda: clinic.booking(chart=chart, doctor=doctor)) == {"totalAppointments": 1}
    assert change(clinic.admin, lambda: clinic.elsewhere.chart()) == {}
    assert clinic.admin.get(STATS).json["revenue"] == 0


def test_desks_numbers_count_the_practice(clinic):
    chart, doctor = clinic.chart()["id"], clinic.doctor.id
    made = []

    assert change(clinic.staff, lambda: clinic.chart()) == {"managedPatients": 1}
    assert change(clinic.staff, lambda: made.append(clinic.booking(chart=chart, doctor=doctor))) == {
        "scheduledAppointments": 1
    }
    cancel = {"status": "cancelled"}
    assert change(clinic.staff, lambda: clinic.staff.patch(f"/api/appointments/{made[0]['id']}", cancel)) == {
        "scheduledAppointments": -1
    }
    assert change(clinic.staff, lambda: clinic.register("patient")) == {"pendingRegistrations": 1}
    assert clinic.billing.get(STATS).json == clinic.staff.get(STATS).json


def test_doctors_numbers_are_their_own(clinic):
    doctor, chart = clinic.hire("doctor"), clinic.chart()["id"]
    made = []
    assert doctor.get(STATS).json == {"assignedPatients": 0, "todayAppointments": 0, "pendingReports": 0}

    def book(**fields):
        made.append(clinic.booking(chart=chart, doctor=doctor.id, **fields))

    assert change(doctor, lambda: book(date=past_slot())) == {"assignedPatients": 1}
    assert change(doctor, lambda: clinic.booking(chart=chart)) == {}
    complete = {"status": "completed"}
    path = f"/api/appointments/{made[0]['id']}"
    assert change(doctor, lambda: clinic.staff.patch(path, complete)) == {"pendingReports": 1}
    assert change(doctor, lambda: clinic.record(chart=chart, doctor=doctor)) == {"pendingReports": -1}
    assert change(doctor, lambda: clinic.record(chart=chart, doctor=doctor)) == {}


def test_doctors_day_is_the_practices_and_without_the_cancelled(clinic):
    doctor, chart = clinic.hire("doctor"), clinic.chart()["id"]
    noon = datetime.now(UTC).strftime("%Y-%m-%dT12:00:00Z")
    made = []

    assert change(doctor, lambda: made.append(clinic.booking(chart=chart, doctor=doctor.id, date=noon))) == {
        "assignedPatients": 1,
        "todayAppointments": 1,
    }
    cancel = {"status": "cancelled"}
    assert change(doctor, lambda: clinic.staff.patch(f"/api/appointments/{made[0]['id']}", cancel)) == {
        "todayAppointments": -1
    }


def test_patients_numbers_are_their_own(clinic):
    patient = clinic.hire("patient")
    own, other, doctor = clinic.chart_of(patient), clinic.chart()["id"], clinic.doctor.id
    assert patient.get(STATS).json == {"upcomingAppointments": 0, "medicalRecords": 0, "prescriptions": 0}

    assert change(patient, lambda: clinic.booking(chart=own, doctor=doctor)) == {"upcomingAppointments": 1}
    past = fresh_slot().replace("203", "201")
    assert change(patient, lambda: clinic.booking(chart=own, doctor=doctor, date=past)) == {}
    assert change(patient, lambda: clinic.record(chart=own)) == {"medicalRecords": 1, "prescriptions": 1}
    assert change(patient, lambda: clinic.record(chart=own, prescription="")) == {"medicalRecords": 1}
    assert change(patient, lambda: clinic.record(chart=other)) == {}
    assert change(patient, lambda: clinic.booking(chart=other, doctor=doctor)) == {}
