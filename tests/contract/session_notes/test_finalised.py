"""/api/sessions: SOAP notes that are finalised, and amended."""

from tests.contract.clinic import NOBODY
from tests.contract.session_notes.writing import SOAP, amend, content_of, finalise, finalised, save, write
from tests.contract.test_users import MOMENT

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
