"""/api/sessions: SOAP notes, from the first word to the last amendment."""

import pytest

from tests.contract.clinic import NOBODY
from tests.contract.test_users import MOMENT

FIELDS = {
    *("id", "patientId", "patientName", "doctorId", "doctorName", "appointmentId", "planId", "date"),
    *("durationMinutes", "subjective", "objective", "assessment", "plan", "status", "version"),
    *("finalisedAt", "amendedAt", "createdAt", "updatedAt"),
}
SOAP = {
    "subjective": "Low back pain for three days",
    "objective": "Flexion limited to 40 degrees",
    "assessment": "Lumbar strain",
    "plan": "Rest, ice, come back in a week",
}
FIRST = {"page": 1, "limit": 10}
NO_NOTE = {"detail": "Session note not found."}
NO_PATIENT = {"detail": "Patient not found."}
NOT_ALLOWED = {"detail": "You don't have permission to do this."}


@pytest.fixture
def chart(clinic):
    return clinic.chart()["id"]


def write(clinic, chart, *, by=None, **fields):
    answer = (by or clinic.doctor).post("/api/sessions", {"patientId": chart, **fields})
    assert answer.status == 201, answer
    return answer.json


def save(clinic, note, *, by=None, **fields):
    return (by or clinic.doctor).patch(f"/api/sessions/{note['id']}", {"version": note["version"], **fields})


def finalise(clinic, note, *, by=None):
    return (by or clinic.doctor).post(f"/api/sessions/{note['id']}/finalise", {"version": note["version"]})


def finalised(clinic, chart, **fields):
    answer = finalise(clinic, write(clinic, chart, **{**SOAP, **fields}))
    assert answer.status == 200, answer
    return answer.json


def amend(clinic, note, *, by=None, **fields):
    body = {"version": note["version"], "reason": "Left out", **fields}
    return (by or clinic.doctor).post(f"/api/sessions/{note['id']}/amendments", body)


def content_of(note):
    """What a version keeps of it."""
    return {name: note[name] for name in (*SOAP, "durationMinutes", "date", "appointmentId", "planId")}


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


# --- Finalising and amending


def test_finalising_keeps_the_note_as_its_first_version(clinic, chart):
    note = finalised(clinic, chart, durationMinutes=30)

    assert (note["status"], note["version"], note["amendedAt"]) == ("finalised", 2, None)
    assert MOMENT.fullmatch(note["finalisedAt"])
    listed = clinic.doctor.get(f"/api/sessions/{note['id']}/versions").json
    (first,) = listed["versions"]
    assert listed["total"] == 1
    assert (first["number"], first["authorId"], first["authorName"]) == (1, clinic.doctor.id, "Demo Doctor")
    assert (first["reason"], first["changed"]) == ("", [])
    one = clinic.doctor.get(f"/api/sessions/{note['id']}/versions/1").json
    assert one["content"] == content_of(note)
    assert (one["changes"], one["against"]) == ({}, None)


def test_empty_note_is_not_finalised(clinic, chart):
    note = write(clinic, chart, plan=" \n\t ", durationMinutes=30)

    answer = finalise(clinic, note)

    assert (answer.status, answer.json) == (
        400,
        {"detail": "Fill in at least one section of the session note."},
    )
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_one_section_is_enough(clinic, chart, subtests):
    for section in SOAP:
        with subtests.test(section=section):
            assert finalise(clinic, write(clinic, chart, **{section: "x"})).status == 200


def test_note_is_finalised_once(clinic, chart):
    note = finalised(clinic, chart)

    answer = finalise(clinic, note)

    assert (answer.status, answer.json["current"]) == (409, note)
    assert clinic.doctor.get(f"/api/sessions/{note['id']}/versions").json["total"] == 1


def test_stale_finalise_is_refused(clinic, chart):
    note = write(clinic, chart, **SOAP)
    now = save(clinic, note, plan="Heat").json

    answer = finalise(clinic, note)

    assert (answer.status, answer.json["current"]) == (409, now)


def test_autosave_never_reaches_a_finalised_note(clinic, chart):
    note = finalised(clinic, chart)
    for version in (1, 2, 3):
        answer = save(clinic, {**note, "version": version}, plan="Overwritten")
        assert (answer.status, answer.json["current"]) == (409, note)
        assert "mend it" in answer.json["detail"]
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_finalised_note_cannot_become_a_draft(clinic, chart, subtests):
    note = finalised(clinic, chart)

    for way in ["unfinalise", "unfinalize", "draft", "reopen"]:
        with subtests.test(way=way):
            assert clinic.doctor.post(f"/api/sessions/{note['id']}/{way}", {"version": 2}).status == 404
    assert set(amend(clinic, note, plan="Ice", status="draft").json["errors"]) == {"status"}
    assert amend(clinic, note, plan="Ice").json["status"] == "amended"


def test_amendment_keeps_what_was_said_before(clinic, chart):
    note = finalised(clinic, chart)

    amended = amend(clinic, note, plan="Ice", durationMinutes=20, reason="Heat was a slip")

    assert amended.status == 200
    assert (amended.json["status"], amended.json["version"], amended.headers["ETag"]) == ("amended", 3, '"3"')
    assert amended.json["finalisedAt"] == note["finalisedAt"]
    assert MOMENT.fullmatch(amended.json["amendedAt"])
    assert {name: amended.json[name] for name in SOAP} == {**SOAP, "plan": "Ice"}
    second = amend(clinic, amended.json, subjective="Pain for four days", reason="Miscounted").json
    listed = clinic.staff.get(f"/api/sessions/{note['id']}/versions").json
    assert [(one["number"], one["reason"], one["changed"]) for one in listed["versions"]] == [
        (1, "", []),
        (2, "Heat was a slip", ["plan", "durationMinutes"]),
        (3, "Miscounted", ["subjective"]),
    ]
    address = f"/api/sessions/{note['id']}/versions"
    assert clinic.staff.get(f"{address}/1").json["content"] == content_of(note)
    two, three = clinic.staff.get(f"{address}/2").json, clinic.staff.get(f"{address}/3").json
    assert two["changes"] == {
        "plan": {"before": SOAP["plan"], "after": "Ice"},
        "durationMinutes": {"before": None, "after": 20},
    }
    assert two["against"] == 1
    assert set(three["changes"]) == {"subjective"}
    whole = clinic.staff.get(f"{address}/3", against=1).json
    assert (set(whole["changes"]), whole["against"]) == ({"subjective", "plan", "durationMinutes"}, 1)
    back = clinic.staff.get(f"{address}/1", against=3).json
    assert back["changes"]["plan"] == {"before": "Ice", "after": SOAP["plan"]}
    assert clinic.staff.get(f"{address}/2", against=2).json["changes"] == {}
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == second


def test_amendment_that_changes_nothing_or_clears_all_is_refused(clinic, chart):
    note = finalised(clinic, chart)
    for fields in ({}, {"plan": SOAP["plan"]}, dict.fromkeys(SOAP, " ")):
        assert amend(clinic, note, **fields).status == 400
    for reason in (None, "", "   ", "r" * 1001, 7):
        answer = amend(clinic, note, plan="Ice", reason=reason)
        assert (answer.status, set(answer.json["errors"])) == (400, {"reason"})
    without = clinic.doctor.post(f"/api/sessions/{note['id']}/amendments", {"version": 2, "plan": "Ice"})
    assert (without.status, set(without.json["errors"])) == (400, {"reason"})
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note
    assert amend(clinic, note, plan="Ice", reason="r" * 1000).status == 200


def test_amendment_corrects_what_the_note_is_of(clinic, chart):
    note = finalised(clinic, chart, date="2026-11-02T09:30:00Z")
    booked = clinic.booking(chart=chart)["id"]
    plan = clinic.doctor.post(
        "/api/plans", {"patientId": chart, "title": "Back to work", "startsOn": "2026-11-02"}
    ).json
    right = {"date": "2026-11-03T09:30:00Z", "appointmentId": booked, "planId": plan["id"]}

    answer = amend(clinic, note, **right)

    assert (answer.status, {name: answer.json[name] for name in right}) == (200, right)
    two = clinic.staff.get(f"/api/sessions/{note['id']}/versions/2").json
    assert two["changes"] == {name: {"before": note[name], "after": value} for name, value in right.items()}
    assert two["content"] == content_of(answer.json)
    assert amend(clinic, answer.json, **right).status == 400  # nothing would be changed


def test_amendment_names_no_appointment_and_no_plan_that_a_draft_may_not(clinic, chart):
    booked = clinic.booking(chart=chart)["id"]
    other = finalised(clinic, chart, appointmentId=booked)
    strangers = clinic.chart()["id"]
    body = {"patientId": strangers, "title": "Back to work", "startsOn": "2026-11-02"}
    plan = clinic.doctor.post("/api/plans", body).json["id"]
    note = finalised(clinic, chart)

    taken = amend(clinic, note, appointmentId=booked)
    assert (taken.status, taken.json["sessionId"]) == (409, other["id"])
    for name, value in (("appointmentId", clinic.booking(chart=strangers)["id"]), ("planId", plan)):
        assert set(amend(clinic, note, **{name: value}).json["errors"]) == {name}
        assert amend(clinic, note, **{name: NOBODY}).status == 404
    assert set(amend(clinic, note, date="1066-10-14T09:30:00Z").json["errors"]) == {"date"}
    assert clinic.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_whole_form_is_saved_also_when_its_plan_is_deleted_by_now(clinic, chart):
    body = {"patientId": chart, "title": "Back to work", "startsOn": "2026-11-02"}
    plan = clinic.doctor.post("/api/plans", body).json["id"]
    written = finalised(clinic, chart, planId=plan)
    draft = write(clinic, chart, planId=plan)
    assert clinic.admin.request("DELETE", f"/api/plans/{plan}", json={"reason": "Twice"}).status == 200

    saved = save(clinic, draft, planId=plan, plan="Ice")
    assert (saved.status, saved.json["planId"]) == (200, plan)
    assert amend(clinic, written, planId=plan, plan="Ice").status == 200
    assert save(clinic, write(clinic, chart), planId=plan).status == 404


def test_unknown_field_is_refused_and_nothing_is_stored(clinic, chart):
    draft, note = write(clinic, chart, **SOAP), finalised(clinic, chart)
    doctor = clinic.doctor
    for answer in (
        save(clinic, draft, subjectiv="Worse", plan="Ice"),
        doctor.post("/api/sessions", {"patientId": chart, "subjectiv": "Worse"}),
        doctor.post(f"/api/sessions/{draft['id']}/finalise", {"version": 1, "subjectiv": "Worse"}),
        amend(clinic, note, subjectiv="Worse", plan="Ice"),
    ):
        assert answer.status == 400
        assert answer.json["errors"] == {"subjectiv": ["Unknown field."]}
    assert doctor.get(f"/api/sessions/{draft['id']}").json == draft
    assert doctor.get(f"/api/sessions/{note['id']}").json == note
    many = save(clinic, draft, **{f"field{number}": 1 for number in range(5000)})
    assert (many.status, len(many.json["errors"])) == (400, 10)


def test_stale_amendment_is_refused(clinic, chart):
    note = finalised(clinic, chart)
    now = amend(clinic, note, plan="Ice").json

    answer = amend(clinic, note, plan="Heat")

    assert (answer.status, answer.json["current"]) == (409, now)
    assert clinic.doctor.get(f"/api/sessions/{note['id']}/versions").json["total"] == 2


def test_draft_is_not_amended(clinic, chart):
    assert amend(clinic, write(clinic, chart, **SOAP), plan="Ice").status == 409


def test_another_doctor_amends_only_once_the_author_has_left(clinic, chart):
    author, colleague = clinic.hire("doctor"), clinic.hire("doctor")
    note = author.post("/api/sessions", {"patientId": chart, **SOAP}).json
    note = finalise(clinic, note, by=author).json

    refused = amend(clinic, note, by=colleague, plan="Ice")
    assert refused.status == 403
    assert clinic.admin.patch(f"/api/users/{author.id}", {"isActive": False}).status == 200
    amended = amend(clinic, note, by=colleague, plan="Ice")

    assert amended.status == 200
    assert amended.json["doctorId"] == author.id
    versions = clinic.staff.get(f"/api/sessions/{note['id']}/versions").json["versions"]
    assert [one["authorId"] for one in versions] == [author.id, colleague.id]


def test_unknown_version_is_404(clinic, chart, subtests):
    note = finalised(clinic, chart)
    address = f"/api/sessions/{note['id']}/versions"

    for number in ["2", "0", "99999999999999999999", "-1", "one", "1" * 5000]:
        with subtests.test(number=number):
            assert clinic.doctor.get(f"{address}/{number}").status == 404


def test_comparison_with_an_unknown_version_is_404(clinic, chart, subtests):
    note = finalised(clinic, chart)

    for against, status in [("2", 404), ("0", 400), ("x", 400), ("9" * 30, 400)]:
        with subtests.test(against=against, status=status):
            assert clinic.doctor.get(f"/api/sessions/{note['id']}/versions/1", against=against).status == status


def test_draft_has_no_versions(clinic, chart):
    address = f"/api/sessions/{write(clinic, chart, **SOAP)['id']}/versions"
    assert clinic.doctor.get(address).json == {"versions": [], "total": 0}
    assert clinic.doctor.get(f"{address}/1").status == 404


# --- Lists


def test_patients_notes_are_listed_latest_session_first(clinic, chart):
    days = ("2026-11-03", "2026-11-01", "2026-11-02")
    notes = [finalised(clinic, chart, date=f"{day}T10:00:00Z") for day in days]
    draft = write(clinic, chart, date="2026-11-04T10:00:00Z")
    latest = [notes[0], notes[2], notes[1]]

    assert clinic.staff.get("/api/sessions", patientId=chart).json == {"sessions": latest, "total": 3, **FIRST}
    assert clinic.doctor.get("/api/sessions", patientId=chart).json == {
        "sessions": [draft, *latest],
        "total": 4,
        **FIRST,
    }
    pages = [clinic.staff.get("/api/sessions", patientId=chart, page=n, limit=2).json for n in (1, 2, 3)]
    assert [row for page in pages for row in page["sessions"]] == latest
    assert [(page["total"], page["page"], page["limit"]) for page in pages] == [(3, n, 2) for n in (1, 2, 3)]
    assert clinic.staff.get("/api/sessions", limit=500).json["limit"] == 100


def test_list_is_narrowed_by_doctor_status_and_days(clinic, chart):
    colleague = clinic.hire("doctor")
    early = finalised(clinic, chart, date="2026-11-01T10:00:00Z")
    late = amend(clinic, finalised(clinic, chart, date="2026-11-03T10:00:00Z"), plan="Ice").json
    draft = write(clinic, chart, date="2026-11-02T10:00:00Z")
    theirs = write(clinic, chart, by=colleague, **SOAP, date="2026-11-02T12:00:00Z")
    theirs = finalise(clinic, theirs, by=colleague).json

    def listed(**query):
        answer = clinic.doctor.get("/api/sessions", patientId=chart, **query).json
        assert answer["total"] == len(answer["sessions"])
        return answer["sessions"]

    assert listed(doctorId=colleague.id) == [theirs]
    assert listed(doctorId=NOBODY) == []
    assert listed(status="draft") == [draft]
    assert listed(status="finalised") == [theirs, early]
    assert listed(status="amended") == [late]
    assert listed(**{"from": "2026-11-02"}) == [late, theirs, draft]
    assert listed(to="2026-11-02") == [theirs, draft, early]
    assert listed(**{"from": "2026-11-02", "to": "2026-11-02"}) == [theirs, draft]
    assert listed(**{"from": "2026-11-02T10:00:00Z", "to": "2026-11-02T12:00:00Z"}) == [draft]
    whole = clinic.doctor.get("/api/sessions", doctorId=colleague.id).json
    assert whole == {"sessions": [theirs], "total": 1, **FIRST}


def test_invalid_filter_is_named(clinic, subtests):
    for query, named in [
        ({"patientId": "abc"}, "patientId"),
        ({"doctorId": "abc"}, "doctorId"),
        ({"status": "signed"}, "status"),
        ({"from": "soon"}, "from"),
        ({"to": "2026-13-01"}, "to"),
        ({"to": "9999-12-31"}, "to"),
        ({"page": 0}, "page"),
        ({"limit": "many"}, "limit"),
    ]:
        with subtests.test(query=query, named=named):
            answer = clinic.doctor.get("/api/sessions", **query)

            assert (answer.status, set(answer.json["errors"])) == (400, {named})


def test_another_practices_notes_do_not_exist(clinic, subtests):
    elsewhere = clinic.elsewhere
    foreign = elsewhere.foreign_chart["id"]
    note = elsewhere.doctor.post("/api/sessions", {"patientId": foreign, **SOAP}).json
    note = finalise(clinic, note, by=elsewhere.doctor).json

    for role in ["admin", "doctor", "staff", "patient"]:
        with subtests.test(role=role):
            caller = clinic.as_role(role)

            for path in ("", "/versions", "/versions/1"):
                assert caller.get(f"/api/sessions/{note['id']}{path}").json == NO_NOTE
            assert caller.get("/api/sessions", patientId=foreign).json == NO_PATIENT
            assert caller.get("/api/sessions/last-finalised", patientId=foreign).json == NO_PATIENT
            assert caller.post("/api/sessions/search", {"patientId": foreign, "query": "pain"}).json == NO_PATIENT
            assert note["id"] not in [row["id"] for row in caller.get("/api/sessions", limit=100).json["sessions"]]
            if role == "doctor":
                assert caller.post("/api/sessions", {"patientId": foreign}).json == NO_PATIENT
                for answer in (
                    save(clinic, note, plan="Ice"),
                    finalise(clinic, note),
                    amend(clinic, note, plan="Ice"),
                ):
                    assert (answer.status, answer.json) == (404, NO_NOTE)
            assert elsewhere.doctor.get(f"/api/sessions/{note['id']}").json == note


def test_last_finalised_note_is_the_one_of_the_latest_session(clinic, chart):
    none = clinic.doctor.get("/api/sessions/last-finalised", patientId=chart)
    assert (none.status, none.json) == (404, {"detail": "This patient has no finalised session note."})
    late = finalised(clinic, chart, date="2026-11-03T10:00:00Z")
    finalised(clinic, chart, date="2026-11-01T10:00:00Z")
    write(clinic, chart, date="2026-11-04T10:00:00Z", **SOAP)

    answer = clinic.doctor.get("/api/sessions/last-finalised", patientId=chart)

    assert (answer.status, answer.json, answer.headers["ETag"]) == (200, late, '"2"')
    amended = amend(clinic, late, plan="Ice").json
    assert clinic.hire("doctor").get("/api/sessions/last-finalised", patientId=chart).json == amended
    assert clinic.doctor.get("/api/sessions/last-finalised").status == 400


def test_anonymous_caller_is_refused(anonymous):
    for method, path in (
        ("GET", ""),
        ("POST", ""),
        ("POST", "/search"),
        ("GET", "/last-finalised"),
        ("GET", f"/{NOBODY}"),
        ("PATCH", f"/{NOBODY}"),
        ("POST", f"/{NOBODY}/finalise"),
        ("POST", f"/{NOBODY}/amendments"),
        ("GET", f"/{NOBODY}/versions"),
        ("GET", f"/{NOBODY}/versions/1"),
    ):
        assert anonymous.request(method, f"/api/sessions{path}", json={}).status == 401


# --- Search


@pytest.fixture
def search(clinic, chart):
    def ask(query, *, by=None, **more):
        answer = (by or clinic.doctor).post("/api/sessions/search", {"patientId": chart, "query": query, **more})
        assert answer.status == 200, answer
        return answer.json

    return ask


def test_notes_are_found_by_words_in_any_section(clinic, chart, search):
    back = finalised(clinic, chart, date="2026-11-01T10:00:00Z")
    knee = finalised(
        clinic,
        chart,
        date="2026-11-02T10:00:00Z",
        subjective="Knee is swollen",
        objective="Patient\u2019s na\u00efve gait",
        assessment="Effusion",
        plan="Ice",
    )
    both = [knee["id"], back["id"]]

    def found(query):
        answer = search(query)
        assert answer["total"] == len(answer["sessions"])
        return [hit["id"] for hit in answer["sessions"]]

    assert found("lumbar") == [back["id"]]
    assert found("LUMBAR  week") == [back["id"]]
    assert found("lumbar swollen") == []
    assert found("umba") == [back["id"]]  # anywhere in a word, from three letters on
    assert found("ee") == [] and found("kn") == [knee["id"]]  # at its beginning, below
    assert found("ice") == both
    assert found("naive patients") == [knee["id"]]
    assert found("in a") == [back["id"]]
    assert found("?!") == []
    assert found("40 degrees") == [back["id"]]
    (hit,) = search("swollen effus")["sessions"]
    assert hit == {
        "id": knee["id"],
        "date": knee["date"],
        "status": "finalised",
        "doctorId": clinic.doctor.id,
        "doctorName": "Demo Doctor",
        "sections": ["subjective", "assessment"],
        "excerpts": {"subjective": "Knee is swollen", "assessment": "Effusion"},
    }


def test_excerpt_shows_what_stands_around_the_word(clinic, chart, search):
    finalised(clinic, chart, plan="\u00e4 " * 500 + "then traction, " + "and more " * 400)

    ((_, excerpt),) = search("traction")["sessions"][0]["excerpts"].items()

    assert "\u00e4 then traction, and more" in excerpt
    assert excerpt.startswith("\u2026") and excerpt.endswith("\u2026")
    assert len(excerpt) < 150


def test_hits_come_in_pages(clinic, chart, search):
    notes = [finalised(clinic, chart, date=f"2026-11-0{day}T10:00:00Z")["id"] for day in (3, 2, 1)]

    pages = [search("lumbar", page=page, limit=2) for page in (1, 2, 3)]

    assert [hit["id"] for page in pages for hit in page["sessions"]] == notes
    assert [(page["total"], page["page"], page["limit"]) for page in pages] == [(3, n, 2) for n in (1, 2, 3)]


def test_ones_own_draft_is_found_and_another_patients_note_is_not(clinic, chart, search):
    draft = write(clinic, chart, **SOAP)
    finalised(clinic, clinic.chart()["id"])

    assert [hit["id"] for hit in search("lumbar")["sessions"]] == [draft["id"]]
    assert search("lumbar", by=clinic.staff) == {"sessions": [], "total": 0, **FIRST}


def test_invalid_search_is_named(clinic, subtests):
    for body, named in [
        ({"query": "x"}, "patientId"),
        ({"patientId": NOBODY}, "query"),
        ({"patientId": NOBODY, "query": "  "}, "query"),
        ({"patientId": NOBODY, "query": "x" * 201}, "query"),
        ({"patientId": NOBODY, "query": ["x"]}, "query"),
        ({"patientId": NOBODY, "query": "x\x00"}, "query"),
        ({"patientId": NOBODY, "query": "x", "page": 0}, "page"),
    ]:
        with subtests.test(body=body, named=named):
            answer = clinic.doctor.post("/api/sessions/search", body)

            assert (answer.status, set(answer.json["errors"])) == (400, {named})
