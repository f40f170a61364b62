"""/api/sessions: drafts of SOAP notes, and the appointment they belong to."""

import pytest

from tests.contract.clinic import NOBODY
from tests.contract.session_notes.writing import (
    FIELDS,
    NO_NOTE,
    NOT_ALLOWED,
    SOAP,
    amend,
    finalise,
    finalised,
    save,
    write,
)
from tests.contract.test_users import MOMENT

# --- Drafts


def test_doctor_begins_a_note_with_nothing_but_a_patient(clinic):
    chart = clinic.chart()

    answer = clinic.doctor.post("/api/sessions", {"patientId": chart["id"]})

    assert answer.status == 201
    note = answer.json
    assert set(note) == FIELDS
    assert (note["patientId"], note["patientName"]) == (chart["id"], chart["name"])
    assert (note["doctorId"], note["doctorName"]) == (clinic.doctor.id, "Demo Doctor")
    assert {note[section] for section in SOAP} == {""}
    assert (note["status"], note["version"]) == ("draft", 1)
    assert {note[name] for name in ("appointmentId", "planId", "durationMinutes", "finalisedAt", "amendedAt")} == {None}
    assert all(MOMENT.fullmatch(note[name]) for name in ("date", "createdAt", "updatedAt"))
    assert answer.headers["ETag"] == '"1"'
    read = clinic.doctor.get(f"/api/sessions/{note['id']}")
    assert (read.status, read.json, read.headers["ETag"]) == (200, note, '"1"')


def test_autosave_keeps_what_was_typed_to_the_last_blank(clinic, chart):
    note = write(clinic, chart, **SOAP)
    typed = "  Pain\n\n- left \u00e9\u4e16 \U0001f9b4\n "

    answer = save(clinic, note, objective=typed, durationMinutes=45, date="2026-11-02T09:30:00Z")

    assert answer.status == 200
    assert answer.json["objective"] == typed
    assert (answer.json["durationMinutes"], answer.json["date"]) == (45, "2026-11-02T09:30:00Z")
    assert {name: answer.json[name] for name in ("subjective", "assessment", "plan")} == {
        name: SOAP[name] for name in ("subjective", "assessment", "plan")
    }
    assert (answer.json["version"], answer.headers["ETag"]) == (2, '"2"')
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == answer.json


def test_section_is_emptied_by_saving_it_empty(clinic, chart):
    note = write(clinic, chart, **SOAP)
    assert save(clinic, note, plan="").json["plan"] == ""
    assert save(clinic, {**note, "version": 2}, objective=None).json["objective"] == ""


def test_stale_save_stores_nothing_and_is_shown_the_note_as_it_is(clinic, chart):
    note = write(clinic, chart, **SOAP)
    now = save(clinic, note, plan="Heat").json

    answer = save(clinic, note, plan="Ice")

    assert answer.status == 409
    assert answer.json["current"] == now
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == now


@pytest.mark.parametrize("header", ['"1"', 'W/"1"'])
def test_version_may_come_in_the_if_match_header(clinic, chart, header):
    note = write(clinic, chart)

    answer = clinic.doctor.patch(f"/api/sessions/{note['id']}", {"plan": "Ice"}, headers={"If-Match": header})

    assert (answer.status, answer.json["plan"]) == (200, "Ice")
    again = clinic.doctor.patch(f"/api/sessions/{note['id']}", {"plan": "Heat"}, headers={"If-Match": header})
    assert (again.status, again.json["current"]["plan"]) == (409, "Ice")


def test_change_without_a_version_is_refused(clinic, chart, subtests):
    note = write(clinic, chart)

    for headers, body in [
        ({}, {}),
        ({"If-Match": '"1"'}, {"version": 2}),
        ({"If-Match": "*"}, {}),
        ({"If-Match": "1"}, {}),
        ({"If-Match": '"1", "2"'}, {}),
        ({"If-Match": '"-1"'}, {}),
        ({"If-Match": '"99999999999999999999"'}, {}),
        ({"If-Match": ""}, {}),
        ({}, {"version": 0}),
        ({}, {"version": "one"}),
        ({}, {"version": None}),
        ({}, {"version": 2**63}),
        ({}, {"version": True}),
    ]:
        with subtests.test(headers=headers, body=body):
            for method, path in (("PATCH", ""), ("POST", "/finalise")):
                answer = clinic.doctor.request(method, f"/api/sessions/{note['id']}{path}", json=body, headers=headers)
                assert (answer.status, set(answer.json["errors"])) == (400, {"version"}), answer
            assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_version_in_body_and_if_match_may_agree(clinic, chart):
    note = write(clinic, chart)
    answer = clinic.doctor.patch(f"/api/sessions/{note['id']}", {"version": 1}, headers={"If-Match": '"1"'})
    assert answer.status == 200


def test_section_holds_5000_characters_and_not_one_more(clinic, chart, subtests):
    whole = "\u00e9" * 5000

    for section in SOAP:
        with subtests.test(section=section):
            note = write(clinic, chart, **{section: whole})
            assert note[section] == whole
            refused = save(clinic, note, **{section: whole + "x"})
            assert (refused.status, set(refused.json["errors"])) == (400, {section})
            assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_invalid_field_is_named(clinic, chart, subtests):
    note = write(clinic, chart)

    for field, value, named in [
        ("subjective", 7, "subjective"),
        ("objective", ["x"], "objective"),
        ("assessment", "x\x00", "assessment"),
        ("plan", {}, "plan"),
        ("plan", "[cannot be decrypted: key 7 is missing]", "plan"),
        ("durationMinutes", 0, "durationMinutes"),
        ("durationMinutes", 1441, "durationMinutes"),
        ("durationMinutes", "long", "durationMinutes"),
        ("date", None, "date"),
        ("date", "yesterday", "date"),
        ("date", "1999-12-31T23:59:59Z", "date"),
        ("date", "2100-01-01T00:00:00Z", "date"),
        ("date", "9999-12-31T23:59:59Z", "date"),
        ("date", "0001-01-01T00:00:00+14:00", "date"),
        ("appointmentId", "abc", "appointmentId"),
        ("appointmentId", ["x"], "appointmentId"),
        ("planId", [], "planId"),
    ]:
        with subtests.test(field=field, value=value, named=named):
            for answer in (
                clinic.doctor.post("/api/sessions", {"patientId": chart, field: value}),
                save(clinic, note, **{field: value}),
            ):
                assert (answer.status, set(answer.json["errors"])) == (400, {named}), answer
            assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_date_without_an_offset_is_the_practices(clinic, chart):
    assert write(clinic, chart, date="2026-07-01T09:00:00")["date"] == "2026-07-01T09:00:00Z"  # a UTC practice


def test_read_only_fields_are_ignored(clinic, chart):
    fields = {"status": "finalised", "finalisedAt": "2026-01-01T00:00:00Z", "doctorId": NOBODY, "id": NOBODY}
    note, other = write(clinic, chart), clinic.chart()["id"]

    begun = clinic.doctor.post("/api/sessions", {"patientId": chart, **fields})
    saved = save(clinic, note, **fields, patientId=other)

    assert (begun.status, set(begun.json["errors"])) == (400, set(fields))
    assert (saved.status, set(saved.json["errors"])) == (400, {*fields, "patientId"})
    assert clinic.doctor.get("/api/sessions", patientId=chart).json["sessions"] == [note]


def test_only_doctors_write_notes(clinic, chart, subtests):
    for role in ["admin", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            caller, note = clinic.as_role(role), finalised(clinic, chart)
            for answer in (
                caller.post("/api/sessions", {"patientId": chart}),
                save(clinic, note, by=caller, plan="Ice"),
                finalise(clinic, note, by=caller),
                amend(clinic, note, by=caller, plan="Ice"),
            ):
                assert (answer.status, answer.json) == (403, NOT_ALLOWED)
            assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_draft_is_visible_to_its_author_only(clinic):
    chart = clinic.chart_of(clinic.patient)
    note = write(clinic, chart, **SOAP)
    colleague = clinic.hire("doctor")

    for caller in (clinic.admin, clinic.staff, clinic.patient, colleague):
        assert caller.get(f"/api/sessions/{note['id']}").json == NO_NOTE
        assert caller.get(f"/api/sessions/{note['id']}/versions").json == NO_NOTE
        assert note["id"] not in [row["id"] for row in caller.get("/api/sessions", patientId=chart).json["sessions"]]
        found = caller.post("/api/sessions/search", {"patientId": chart, "query": "lumbar"}).json
        assert note["id"] not in [row["id"] for row in found["sessions"]]
    for answer in (
        save(clinic, note, by=colleague, plan="Ice"),
        finalise(clinic, note, by=colleague),
        amend(clinic, note, by=colleague, plan="Ice"),
    ):
        assert (answer.status, answer.json) == (404, NO_NOTE)
    assert clinic.billing.get("/api/sessions").status == 403
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_finalised_note_is_read_like_a_record(clinic):
    note = finalised(clinic, clinic.chart_of(clinic.patient))

    for caller in (clinic.admin, clinic.staff, clinic.patient, clinic.hire("doctor")):
        assert caller.get(f"/api/sessions/{note['id']}").json == note
    assert clinic.hire("patient").get(f"/api/sessions/{note['id']}").json == NO_NOTE


def test_page_of_another_origin_may_read_the_version(clinic, chart):
    note = write(clinic, chart)
    headers = {"Origin": "http://localhost:5173"}
    answer = clinic.doctor.request("GET", f"/api/sessions/{note['id']}", headers=headers)

    assert answer.headers["ETag"] == '"1"'
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"].replace(" ", "").split(",")


# --- The appointment it belongs to


def test_note_names_its_appointment_and_changes_nothing_of_it(clinic, chart):
    booked = clinic.booking(chart=chart)
    query = "SELECT * FROM appointments_appointment"
    before = sorted(map(repr, clinic.transport.query(query)))

    note = write(clinic, chart, appointmentId=booked["id"], durationMinutes=90, date="2026-11-02T09:30:00Z", **SOAP)
    done = finalise(clinic, save(clinic, note, plan="Ice", appointmentId=booked["id"]).json).json

    assert done["appointmentId"] == booked["id"]
    assert sorted(map(repr, clinic.transport.query(query))) == before
    unlinked = write(clinic, chart, appointmentId=None)
    assert unlinked["appointmentId"] is None


def test_note_can_drop_its_appointment(clinic, chart):
    booked = clinic.booking(chart=chart)
    note = write(clinic, chart, appointmentId=booked["id"])

    assert save(clinic, note, appointmentId=None).json["appointmentId"] is None
    assert write(clinic, chart, appointmentId=booked["id"])["appointmentId"] == booked["id"]


def test_doctor_has_one_note_of_an_appointment_and_is_told_which(clinic, chart):
    booked = clinic.booking(chart=chart)["id"]
    first, other = write(clinic, chart, appointmentId=booked), write(clinic, chart)

    for answer in (
        clinic.doctor.post("/api/sessions", {"patientId": chart, "appointmentId": booked}),
        save(clinic, other, appointmentId=booked),
    ):
        assert (answer.status, answer.json["sessionId"]) == (409, first["id"]), answer
    assert save(clinic, first, appointmentId=booked).status == 200
    colleague = clinic.hire("doctor")
    assert colleague.post("/api/sessions", {"patientId": chart, "appointmentId": booked}).status == 201


def test_another_patients_appointment_or_plan_is_refused(clinic, chart):
    other = clinic.chart()["id"]
    plan = clinic.doctor.post("/api/plans", {"patientId": other, "title": "Back to work", "startsOn": "2026-11-02"})
    note = write(clinic, chart)
    for field, named in (("appointmentId", clinic.booking(chart=other)["id"]), ("planId", plan.json["id"])):
        for answer in (
            clinic.doctor.post("/api/sessions", {"patientId": chart, field: named}),
            save(clinic, note, **{field: named}),
        ):
            assert (answer.status, set(answer.json["errors"])) == (400, {field}), answer


def test_related_rows_must_exist_in_the_practice(clinic, chart):
    note = write(clinic, chart)
    for field, named in (
        ("appointmentId", NOBODY),
        ("appointmentId", clinic.elsewhere.foreign_booking["id"]),
        ("planId", NOBODY),
    ):
        for answer in (
            clinic.doctor.post("/api/sessions", {"patientId": chart, field: named}),
            save(clinic, note, **{field: named}),
        ):
            assert answer.status == 404, answer
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_note_is_part_of_a_plan(clinic, chart):
    made = clinic.doctor.post("/api/plans", {"patientId": chart, "title": "Back to work", "startsOn": "2026-11-02"})
    plan = made.json["id"]

    assert write(clinic, chart, planId=plan)["planId"] == plan
    assert save(clinic, write(clinic, chart), planId=plan).json["planId"] == plan
