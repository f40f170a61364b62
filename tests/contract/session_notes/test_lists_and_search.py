"""/api/sessions: lists of SOAP notes, and the search in them."""

import pytest

from tests.contract.clinic import NOBODY
from tests.contract.session_notes.writing import (
    FIRST,
    NO_NOTE,
    NO_PATIENT,
    SOAP,
    amend,
    finalise,
    finalised,
    save,
    write,
)

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
