"""Problems, medications and allergies: kept through the API, and the chart's texts say the same."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import ChartEntry
from records.tests.factories import ChartEntryFactory
from tests import damage

JSON = "application/json"


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory(name="Paula Jensen")


@pytest.fixture
def doctor(as_role):
    return as_role("doctor")


def post(client, address, body, method="post"):
    return getattr(client, method)(address, body, JSON)


def of(chart, name):
    return f"/api/patients/{chart.pk}/{name}"


def change(client, entry, **body):
    return post(client, f"/api/chart-entries/{entry['id']}", {"version": entry["version"], **body}, "patch")


def add(client, chart, name, **body):
    answer = post(client, of(chart, name), body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def texts(client, chart):
    found = client.get(f"/api/patients/{chart.pk}").json()
    return found["allergies"], found["medicalHistory"]


def words(client, chart, name, **query):
    return [(entry["text"], entry["status"]) for entry in client.get(of(chart, name), query).json()[name]]


def test_entries_are_kept_with_versions_and_told_in_the_text(doctor, chart):
    latex = add(doctor, chart, "allergies", text="Latex", reaction="Hives", severity="severe", code="111088007")
    add(doctor, chart, "allergies", text="Nuts")
    back = add(doctor, chart, "problems", text="Whiplash", since="2018-03-02", code="S13.4", codeSystem="ICD-10-CM")
    naproxen = add(doctor, chart, "medications", text="Naproxen", dose="250 mg twice a day")
    assert (naproxen["kind"], naproxen["dose"], naproxen["version"]) == ("medication", "250 mg twice a day", 1)
    assert texts(doctor, chart) == ("Latex (Hives, severe)\nNuts", "Whiplash (since 2018-03-02)")

    ended = change(doctor, latex, until="2026-01-31", reason="Tested").json()
    assert (ended["status"], ended["version"]) == ("ended", 2)
    change(doctor, back, until="2019-01-31")
    assert texts(doctor, chart) == ("Nuts", "Whiplash (since 2018-03-02, until 2019-01-31)")
    assert words(doctor, chart, "allergies") == [("Nuts", "active"), ("Latex", "ended")]
    assert words(doctor, chart, "allergies", status="ended") == [("Latex", "ended")]

    stale = change(doctor, latex, until=None)
    assert (stale.status_code, stale.json()["current"]["until"]) == (409, "2026-01-31")
    assert change(doctor, ended, until=None).json()["status"] == "active"
    kept = doctor.get(f"/api/chart-entries/{latex['id']}/versions").json()["versions"]
    assert [(version["number"], version["reason"], version["changed"]) for version in kept] == [
        (1, "", []),
        (2, "Tested", ["until", "status"]),
        (3, "", ["until", "status"]),
    ]
    first = doctor.get(f"/api/chart-entries/{latex['id']}/versions/1").json()
    assert (first["content"]["text"], first["content"]["until"]) == ("Latex", None)


def test_what_is_not_valid_is_refused(doctor, chart, subtests):
    for name, body, field in (
        ("problems", {"text": "Asthma\nHay fever"}, "text"),
        ("problems", {"text": "Asthma", "dose": "one"}, "dose"),
        ("problems", {"text": "Asthma", "since": "2126-01-01"}, "since"),
        ("problems", {"text": "Asthma", "since": "2020-01-02", "until": "2020-01-01"}, "until"),
        ("allergies", {"text": "Latex", "severity": "awful"}, "severity"),
        ("allergies", {"text": ""}, "text"),
    ):
        with subtests.test(body=body):
            answer = post(doctor, of(chart, name), body)
            assert (answer.status_code, list(answer.json()["errors"])) == (400, [field])
    entry = add(doctor, chart, "medications", text="Naproxen")
    assert list(change(doctor, entry, severity="mild").json()["errors"]) == ["severity"]
    assert change(doctor, entry, dose="").status_code == 400  # nothing changes
    full = [add(doctor, chart, "allergies", text=letter * 500) for letter in "abcdefghi"]
    assert len(full) == 9
    assert list(post(doctor, of(chart, "allergies"), {"text": "j" * 500}).json()["errors"]) == ["text"]
    assert len(doctor.get(of(chart, "allergies")).json()["allergies"]) == 9


def test_text_that_an_older_client_changes_changes_the_list(as_role, doctor, chart):
    """A line that is gone is taken off the list, a new one is an entry in free words, and what stays keeps its code."""
    desk = as_role("staff")
    add(doctor, chart, "allergies", text="Latex", severity="severe", code="111088007")
    add(doctor, chart, "allergies", text="Nuts")
    answer = post(
        desk, f"/api/patients/{chart.pk}", {"version": 3, "allergies": "Latex (severe)\r\n Penicillin "}, "patch"
    )
    assert answer.status_code == 200, answer.content
    assert answer.json().get("allergies") == "Latex (severe)\r\n Penicillin"
    listed = desk.get(of(chart, "allergies")).json()
    assert [(one["text"], one["code"]) for one in listed["allergies"]] == [("Latex", "111088007"), ("Penicillin", "")]
    assert words(desk, chart, "allergies", status="removed") == [("Nuts", "removed")]

    post(desk, f"/api/patients/{chart.pk}", {"version": 4, "allergies": "NKDA", "medicalHistory": "Asthma"}, "patch")
    assert words(desk, chart, "allergies") == []
    problems = desk.get(of(chart, "problems")).json()
    assert (problems["problems"], problems["text"]) == ([], "Asthma")  # no list before somebody begins one
    post(desk, f"/api/patients/{chart.pk}", {"version": 5, "allergies": "Nuts"}, "patch")
    assert words(desk, chart, "allergies") == [("Nuts", "active")]  # the same entry


def test_none_known_is_a_state_of_its_own(doctor, chart):
    def state():
        return doctor.get(of(chart, "allergies")).json()["state"]

    none_known = of(chart, "allergies/none-known")
    assert state() == "not_asked"
    assert doctor.put(none_known).json() == {"state": "none_known"}
    assert (state(), texts(doctor, chart)[0]) == ("none_known", "None known")
    add(doctor, chart, "medications", text="Naproxen")
    latex = add(doctor, chart, "allergies", text="Latex")
    assert (state(), texts(doctor, chart)[0]) == ("known", "Latex")
    assert doctor.put(none_known).status_code == 409
    change(doctor, latex, until="2026-01-31")
    assert (state(), texts(doctor, chart)[0]) == ("not_asked", "")


def test_text_from_before_the_lists_is_kept(practice, doctor, chart):
    with practice_scope(practice.pk):
        Patient.objects.filter(pk=chart.pk).update(allergies="Latex\nNuts")
    listed = doctor.get(of(chart, "allergies")).json()
    assert (listed["allergies"], listed["text"], listed["state"]) == ([], "Latex\nNuts", "known")
    add(doctor, chart, "allergies", text="Penicillin")
    assert [text for text, _ in words(doctor, chart, "allergies")] == ["Latex", "Nuts", "Penicillin"]
    assert texts(doctor, chart)[0] == "Latex\nNuts\nPenicillin"


def test_deleted_entry_leaves_the_text_and_comes_back(as_role, doctor, chart):
    latex, nuts = (add(doctor, chart, "allergies", text=text) for text in ("Latex", "Nuts"))
    address = f"/api/chart-entries/{latex['id']}"
    assert post(as_role("staff"), address, {"reason": "Wrong chart"}, "delete").status_code == 403
    gone = post(doctor, address, {"reason": "Wrong chart"}, "delete")
    assert gone.status_code == 200, gone.content
    assert texts(doctor, chart)[0] == "Nuts" and doctor.get(address).status_code == 404
    assert doctor.post(f"{address}/restore").status_code == 200
    assert texts(doctor, chart)[0] == "Latex\nNuts"
    assert [entry["id"] for entry in doctor.get(of(chart, "allergies")).json()["allergies"]] == [
        latex["id"],
        nuts["id"],
    ]


def test_merge_brings_the_entries_of_both_and_undo_takes_them_apart(practice, as_role, chart):
    manager = as_role("admin")
    with practice_scope(practice.pk):
        twin = PatientFactory(name="Paula Jansen")
    add(manager, chart, "allergies", text="Latex", severity="mild")
    add(manager, twin, "allergies", text="Nuts", severity="severe")
    merging = {"from": str(twin.pk)}
    assert post(manager, of(chart, "merge"), merging).status_code == 200
    assert texts(manager, chart)[0] == "Latex (mild)\nNuts (severe)"
    assert [text for text, _ in words(manager, chart, "allergies")] == ["Latex", "Nuts"]
    assert post(manager, of(chart, "merge/undo"), merging).status_code == 200
    assert words(manager, chart, "allergies") == [("Latex", "active")]
    assert words(manager, twin, "allergies") == [("Nuts", "active")]
    again = post(manager, of(chart, "merge"), {**merging, "keep": {"allergies": "into"}})
    assert again.status_code == 200, again.content
    assert words(manager, chart, "allergies") == [("Latex", "active")]
    assert words(manager, chart, "allergies", status="removed") == [("Nuts", "removed")]


def test_restricted_chart_and_foreign_entries_are_closed(
    practice, other_practice, make_user, as_role, client_of, chart
):
    doctor = as_role("doctor")
    entry = add(doctor, chart, "problems", text="Asthma")
    stranger = client_of(make_user("doctor", practice=other_practice))
    for address in (of(chart, "problems"), f"/api/chart-entries/{entry['id']}"):
        assert stranger.get(address).status_code == 404
        assert as_role("billing").get(address).status_code == 403
    with practice_scope(practice.pk):
        Patient.objects.filter(pk=chart.pk).update(restricted=True)
    assert doctor.get(of(chart, "problems")).status_code == 403
    assert change(doctor, entry, text="Hay fever").status_code == 403
    assert post(doctor, of(chart, "medications"), {"text": "Naproxen"}).status_code == 403


def test_patient_reads_their_own_lists_and_changes_none(practice, make_user, client_of, doctor):
    patient = make_user("patient")
    with practice_scope(practice.pk):
        own = PatientFactory(user=patient)
    entry = add(doctor, own, "allergies", text="Latex")
    client = client_of(patient)
    assert words(client, own, "allergies") == [("Latex", "active")]
    assert change(client, entry, text="Nuts").status_code == 403
    assert post(client, of(own, "allergies"), {"text": "Nuts"}).status_code == 403


def test_entry_that_cannot_be_decrypted_keeps_the_text_from_changing(practice, doctor, chart):
    latex = add(doctor, chart, "allergies", text="Latex")
    with practice_scope(practice.pk):
        damage.lose_key(ChartEntry.objects.get(), "text")
    assert post(doctor, of(chart, "allergies"), {"text": "Nuts"}).status_code == 409
    assert texts(doctor, chart)[0] == "Latex"
    assert post(doctor, f"/api/chart-entries/{latex['id']}", {"reason": "Lost"}, "delete").status_code == 200
    assert words(doctor, chart, "allergies") == [("Latex", "active")]  # its line stays


def test_lists_take_as_many_queries_for_three_and_each_reading_is_logged(practice, make_user, client_of, chart):
    user = make_user("doctor")
    doctor = client_of(user)
    assert doctor.get(of(chart, "medications")).json()["total"] == 0  # the session is known from now on
    counts = []
    for number in (1, 2):
        with practice_scope(practice.pk):
            for _ in range(number):
                ChartEntryFactory(patient=chart, doctor=make_user("doctor"))
        with CaptureQueriesContext(connection) as captured:
            assert doctor.get(of(chart, "medications")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 6
    answer = doctor.get(of(chart, "medications"), {"cursor": "", "limit": 2})
    assert len(answer.json()["medications"]) == 2
    rest = doctor.get(of(chart, "medications"), {"cursor": answer.json()["next"]}).json()
    assert (len(rest["medications"]), rest["next"]) == (1, None)
    with practice_scope(practice.pk):
        read = Event.objects.filter(practice_id=practice.pk, kind="chart.read", user_id=user.pk)
        assert len(read) == 5 and all(str(chart.pk) in str(event.patients) for event in read)
