"""GET and POST /api/patients, GET /api/patients/:id."""

import uuid

import pytest

from tests.contract.clinic import CHART, NOBODY, fresh_email
from tests.contract.test_users import MOMENT

BRIEF = ["id", "name", "email", "phone", "dateOfBirth", "gender", "address", "created_at"]
WHOLE = [*BRIEF[:-1], "bloodType", "allergies", "medicalHistory", "primaryDoctorId", "version", "created_at"]
MISSING = {"detail": "Patient not found."}


def unique_name():
    return f"Quirin Xanthopoulos{uuid.uuid4().hex}"


@pytest.mark.parametrize("role", ["admin", "staff"])
def test_desk_opens_a_chart(clinic, role):
    body = {**CHART, "bloodType": "0-", "allergies": "Penicillin"}

    answer = clinic.as_role(role).post("/api/patients", body)

    assert answer.status == 201
    chart = answer.json
    assert set(chart) == set(WHOLE)
    assert {field: chart[field] for field in body} == body
    assert chart["medicalHistory"] == ""
    assert MOMENT.fullmatch(chart["created_at"])
    assert clinic.as_role(role).get(f"/api/patients/{chart['id']}").json == chart


@pytest.mark.parametrize("role", ["doctor", "billing", "patient"])
def test_other_roles_cannot_open_a_chart(clinic, role):
    answer = clinic.as_role(role).post("/api/patients", CHART)

    assert (answer.status, answer.json) == (403, {"detail": "You don't have permission to do this."})


@pytest.mark.parametrize("role", ["admin", "doctor", "staff"])
def test_practices_charts_are_read_whole(clinic, role):
    chart = clinic.chart(allergies="Latex")

    assert clinic.as_role(role).get(f"/api/patients/{chart['id']}").json == chart


def test_billing_reads_contact_data_and_no_clinical_text(clinic):
    chart = clinic.chart(allergies="Latex", bloodType="A+")

    answer = clinic.billing.get(f"/api/patients/{chart['id']}")

    withheld = {"bloodType": None, "allergies": None, "medicalHistory": None}
    assert answer.json == {**chart, **withheld}
    assert b"Latex" not in answer.body


def test_patient_reads_their_own_chart_and_no_other(clinic):
    other = clinic.chart()
    own = clinic.chart_of(clinic.patient)

    answer = clinic.patient.get(f"/api/patients/{own}")
    assert (answer.status, answer.json["id"]) == (200, own)
    assert set(answer.json) == set(WHOLE)
    assert answer.json["dateOfBirth"] is None
    refused = clinic.patient.get(f"/api/patients/{other['id']}")
    assert (refused.status, refused.json) == (404, MISSING)


def test_patients_list_is_their_own_chart(clinic):
    clinic.chart(name="Somebody Else")

    page = clinic.patient.get("/api/patients").json

    assert page["total"] == 1
    assert [row["email"] for row in page["patients"]] == [clinic.patient.user["email"]]
    assert clinic.patient.get("/api/patients", search="Somebody").json["patients"] == []


def test_another_practices_chart_does_not_exist(clinic, subtests):
    foreign = clinic.elsewhere.foreign_chart

    for role in ["admin", "doctor", "staff", "billing", "patient"]:
        with subtests.test(role=role):
            answer = clinic.as_role(role).get(f"/api/patients/{foreign['id']}")

            assert (answer.status, answer.json) == (404, MISSING)
            found = clinic.as_role(role).get("/api/patients", search="foreign@example.com").json
            assert (found["patients"], found["total"]) == ([], 0)


def test_unknown_id_is_404(clinic):
    answer = clinic.staff.get(f"/api/patients/{NOBODY}")

    assert (answer.status, answer.json) == (404, MISSING)


def test_invalid_id_is_404(clinic, subtests):
    for bad in ["1", "abc", "%00", "..%2f", "null", "0" * 32, "é"]:
        with subtests.test(bad=bad):
            answer = clinic.staff.get(f"/api/patients/{bad}".replace("é", "%C3%A9"))

            assert answer.status == 404
            assert set(answer.json) == {"detail"}


@pytest.mark.parametrize("path", ["/api/patients", f"/api/patients/{NOBODY}"])
def test_anonymous_caller_is_refused(anonymous, path):
    answer = anonymous.get(path)

    assert (answer.status, answer.json) == (401, {"detail": "Not authenticated"})
    assert anonymous.post("/api/patients", CHART).status == 401


def test_unsupported_method_is_405(clinic, subtests):
    for method, path, allowed in [
        ("PUT", "/api/patients", "GET, POST"),
        ("PATCH", "/api/patients", "GET, POST"),
        ("DELETE", "/api/patients", "GET, POST"),
        ("PUT", f"/api/patients/{NOBODY}", "DELETE, GET, PATCH"),
        ("POST", f"/api/patients/{NOBODY}", "DELETE, GET, PATCH"),
    ]:
        with subtests.test(method=method, path=path, allowed=allowed):
            answer = clinic.admin.request(method, path, json=CHART)

            assert answer.status == 405
            assert answer.headers["Allow"] == allowed
            assert set(answer.json) == {"detail"}


def test_list_has_the_shape_of_the_contract_newest_first(clinic):
    name = unique_name()
    charts = [clinic.chart(name=name, email=fresh_email()) for _ in range(3)]

    answer = clinic.staff.get("/api/patients", search=name)

    assert answer.status == 200
    assert answer.json == {
        "patients": [{field: chart[field] for field in BRIEF} for chart in reversed(charts)],
        "total": 3,
        "page": 1,
        "limit": 10,
    }


def test_pages_divide_the_list(clinic):
    name = unique_name()
    ids = [clinic.chart(name=name)["id"] for _ in range(3)][::-1]

    def page(number, limit):
        answer = clinic.staff.get("/api/patients", search=name, page=number, limit=limit).json
        assert (answer["page"], answer["limit"], answer["total"]) == (number, limit, 3)
        return [row["id"] for row in answer["patients"]]

    assert page(1, 2) == ids[:2]
    assert page(2, 2) == ids[2:]
    assert page(3, 2) == []
    assert page(1_000_000, 100) == []


def test_whole_list_counts_every_confirmed_chart_at_once(clinic):
    before = clinic.staff.get("/api/patients", limit=1).json["total"]

    chart = clinic.chart()

    after = clinic.staff.get("/api/patients", limit=1).json
    assert after["total"] == before + 1
    assert after["patients"][0]["id"] == chart["id"]


def test_search_finds_by_name_email_and_phone(clinic, subtests):
    for kept, typed in [
        ({"name": "Zoë Ångström-Ødegård"}, "zoe angstrom"),
        ({"name": "Zoë Ångström-Ødegård"}, "ngstr"),
        ({"name": "Zoë Ångström-Ødegård"}, "ZO AN"),
        ({"name": "Siobhán O'Brien"}, "obrien"),
        ({"name": "Siobhán O'Brien"}, "O'Brien Siobhan"),
        ({"name": "山田 太郎"}, "山田"),
        ({"email": "marie.curie+lab@example.org"}, "curie+lab@example"),
        ({"email": "marie.curie+lab@example.org"}, "marie"),
        ({"phone": "+49 (30) 901820"}, "30901820"),
        ({"phone": "+49 (30) 901820"}, "+49(30)90"),
        ({"phone": "+49 (30) 901820"}, "018"),
    ]:
        with subtests.test(kept=kept, typed=typed):
            chart = clinic.chart(**kept)

            found = clinic.staff.get("/api/patients", search=typed, limit=100).json

            assert chart["id"] in [row["id"] for row in found["patients"]]


def test_search_takes_every_word_and_looks_nowhere_else(clinic, subtests):
    chart = clinic.chart(allergies="Penicillin", phone="+1 555 010 2030")

    for typed in ["ovelace", "Lovelace Zzyzx", "1985", "Square", "female", "Penicillin", "lovelcae"]:
        with subtests.test(typed=typed):
            found = clinic.staff.get("/api/patients", search=typed, limit=100).json["patients"]

            assert (chart["id"] in [row["id"] for row in found]) == (typed == "ovelace")


def test_search_has_no_wildcards(clinic, subtests):
    clinic.chart()

    for typed in ["%", "_", "*", "'", '"; DROP TABLE patients_patient; --', "\\", "()", "@", "-"]:
        with subtests.test(typed=typed):
            answer = clinic.staff.get("/api/patients", search=typed)

            assert answer.status == 200
            if typed != "@":
                assert answer.json["total"] == 0


def test_empty_search_lists_all(clinic):
    clinic.chart()
    everything = clinic.staff.get("/api/patients").json

    assert clinic.staff.get("/api/patients", search="").json == everything
    assert clinic.staff.get("/api/patients", search="   ").json == everything


def test_long_or_odd_search_is_answered(clinic, subtests):
    clinic.chart()

    for typed in ["x" * 200, "ﷺ" * 200, "㌖㌕㍊㌾" * 50, "a b " * 50, "🦴" * 200, "5" * 200, "\u0301" * 9]:
        with subtests.test(typed=typed):
            assert clinic.staff.get("/api/patients", search=typed).status == 200


@pytest.mark.parametrize("typed", ["x" * 201, "a\x00b"])
def test_invalid_search_is_named(clinic, typed):
    answer = clinic.staff.get("/api/patients", search=typed)

    assert (answer.status, set(answer.json["errors"])) == (400, {"search"})


def test_invalid_field_is_named(clinic, subtests):
    for field, value in [
        ("name", None),
        ("name", " "),
        ("name", 5),
        ("name", "n" * 201),
        ("email", "not an address"),
        ("email", None),
        ("phone", ""),
        ("phone", 5550100),
        ("phone", "5" * 41),
        ("dateOfBirth", "12/10/1985"),
        ("dateOfBirth", "1985-02-30"),
        ("dateOfBirth", "1985-12-10T00:00:00Z"),
        ("dateOfBirth", "0001-01-01"),
        ("dateOfBirth", "9999-12-31"),
        ("dateOfBirth", 19851210),
        ("dateOfBirth", None),
        ("gender", "Female"),
        ("gender", "f"),
        ("gender", None),
        ("gender", ["male"]),
        ("gender", {}),
        ("address", None),
        ("address", "a" * 501),
        ("bloodType", "b" * 21),
        ("bloodType", 0),
        ("allergies", "a" * 5001),
        ("allergies", ["Latex"]),
        ("allergies", "a\x00"),
    ]:
        with subtests.test(field=field, value=value):
            answer = clinic.staff.post("/api/patients", {**CHART, field: value})

            assert answer.status == 400, answer
            assert set(answer.json["errors"]) == {field}
            assert answer.json["detail"].startswith(f"{field}: ")


def test_required_field_is_named_when_it_is_missing(clinic, subtests):
    for field in list(CHART):
        with subtests.test(field=field):
            answer = clinic.staff.post("/api/patients", {name: value for name, value in CHART.items() if name != field})

            assert (answer.status, set(answer.json["errors"])) == (400, {field})


def test_fields_the_desk_may_not_set_are_named(clinic, subtests):
    value = str(clinic.elsewhere.foreign_chart["id"])

    for field in ["id", "practice", "status", "created_at", "user"]:
        with subtests.test(field=field):
            answer = clinic.staff.post("/api/patients", {**CHART, field: value})

            assert (answer.status, answer.json["errors"]) == (400, {field: ["Unknown field."]})


def test_text_comes_back_as_it_was_given(clinic, subtests):
    for text in ["🦴 ¼ ﷽", "a\nb\tc", "<script>alert(1)</script>", "\u202eevil", "' OR 1=1 --", "\\u0000"]:
        with subtests.test(text=text):
            chart = clinic.chart(address=text, allergies=text)

            assert (chart["address"], chart["allergies"]) == (text, text)
