"""What is malformed is answered with what to enter, in words.

Praxis: "Datetime has wrong format. Use one of these formats instead: YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
and `"no_show" is not a valid choice.`, which does not say what is one.
"""

import pytest
from rest_framework import serializers

from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail

JSON = "application/json"
A_DATE, A_MOMENT = "Enter a date, such as 2027-06-15.", "Enter a date and a time, such as 2027-06-15T10:00."
AN_ID, A_NUMBER = "This must be an ID (a UUID).", "Enter a whole number."


def errors(answer):
    assert answer.status_code == 400
    return {name: messages[0] for name, messages in answer.json()["errors"].items()}


@pytest.mark.parametrize(
    ("role", "path", "said"),
    [
        ("staff", "/api/patients?page=x&limit=0", {"page": A_NUMBER, "limit": "Enter 1 or more."}),
        ("staff", "/api/patients?page=1000001", {"page": "Enter 1000000 or less."}),
        ("staff", "/api/appointments?date=15.6.2027", {"date": A_DATE}),
        ("staff", "/api/appointments?patientId=7", {"patientId": AN_ID}),
        (
            "staff",
            "/api/appointments?status=no_show",
            {"status": "Choose one of these: scheduled, completed, cancelled."},
        ),
        ("admin", "/api/audit?event=x", {"event": "This is none of the values that the API's documentation lists."}),
    ],
)
def test_query_is_told_what_to_enter(as_role, role, path, said):
    assert errors(as_role(role).get(path)) == said


def test_body_is_told_what_to_enter(as_role, staff, doctor, chart):
    booking = {"patientId": "Ada", "doctorId": "x", "date": "tomorrow", "reason": 7, "allowPast": "no"}
    assert errors(staff.post("/api/appointments", booking, JSON)) == {
        "patientId": AN_ID,
        "doctorId": AN_ID,
        "date": A_MOMENT,
        "reason": "This must be text.",
        "allowPast": "This must be true or false.",
    }
    plan = {"patientId": str(chart.pk), "title": "x" * 201, "startsOn": "2027-06-15T10:00", "goals": "walk"}
    assert errors(doctor.post("/api/plans", plan, JSON)) == {
        "title": "Enter no more than 200 characters.",
        "startsOn": A_DATE,
        "goals": "Send a list here.",
    }
    walking = {**plan, "title": "Walk", "startsOn": "2027-06-15", "goals": ["walk"]}
    assert errors(doctor.post("/api/plans", walking, JSON)) == {"goals.0": "Send an object here."}
    for value, said in [
        ("high", "Enter a number, such as 4.5."),
        (True, "Enter a number, such as 4.5."),
        ("9" * 9, "Enter no more than 7 digits."),
        ("7.125", "Enter no more than 2 decimal places."),
    ]:
        measured = {"patientId": str(chart.pk), "kind": "weight", "value": value}
        assert errors(doctor.post("/api/measures", measured, JSON)) == {"value": said}
    gender = errors(staff.post("/api/patients", {"gender": "x"}, JSON))["gender"]
    assert gender == "Choose one of these: male, female, other."


def test_id_is_text(as_role, staff, doctor, chart, subtests):
    """A number was taken for an id, and answered with 404."""
    booking = {"patientId": str(chart.pk), "doctorId": str(doctor.user.pk), "date": "2031-03-10T10:00", "reason": "x"}
    wish = {"patientId": str(chart.pk)}
    for client, path, body, name in [
        (staff, "/api/appointments", booking, "patientId"),
        (staff, "/api/appointments", booking, "roomId"),
        (staff, "/api/holds", {"date": booking["date"]}, "doctorId"),
        (staff, "/api/waiting-list", wish, "typeId"),
        (staff, f"/api/patients/{chart.pk}/merge", {}, "from"),
        (as_role("admin"), "/api/join-codes", {}, "officeId"),
        (doctor, "/api/schedule-exceptions", {}, "doctorId"),
        (doctor, "/api/records", wish, "patientId"),
        (doctor, "/api/plans", wish, "patientId"),
    ]:
        for value in (5, True, 2.5, "", [str(chart.pk)], {"id": str(chart.pk)}):
            with subtests.test(path=path, name=name, value=value):
                assert errors(client.post(path, {**body, name: value}, JSON))[name] == AN_ID


def test_id_in_capitals_is_the_same(enter_as, doctor, chart):
    """Swift writes it so, and every path was a 404."""
    written = str(chart.pk).upper()
    assert doctor.get(f"/api/patients/{written}").json()["id"] == str(chart.pk)
    assert enter_as("doctor").get(f"/patients/{written}/").status_code == 200
    read = [(event.about_id, event.patients) for event in whole_trail() if event.kind == AuditEvent.CHART_READ]
    assert read == [(chart.pk, f'["{chart.pk}"]')] * 2


def test_time_that_no_clock_shows(db):
    field, exact = serializers.TimeField(), serializers.DateTimeField()

    for broken, sentence in [(field, "Enter a time, such as 14:30."), (exact, A_MOMENT)]:
        with pytest.raises(serializers.ValidationError) as refused:
            broken.run_validation("25:61")
        assert refused.value.detail == [sentence]


def test_what_is_chosen_may_be_empty_only_where_it_is_optional(as_role, staff):
    refused = errors(staff.post("/api/patients", {"gender": ""}, JSON))["gender"]

    assert refused == "Choose one of these: male, female, other."
    incomplete = {"name": "Ada", "phone": "555 0100", "gender": "", "incomplete": True}
    assert staff.post("/api/patients", incomplete, JSON).status_code == 201
