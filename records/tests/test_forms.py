"""Forms and consents: templates and their versions, asking, completing and signing, withdrawing, and taking answers
over into the chart."""

import hashlib
import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.tests.factories import PASSWORD
from appointments.tests.factories import AppointmentFactory, AppointmentTypeFactory
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import installation_scope, practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import FormCode, PatientForm
from records.tests.factories import CONSENT

TEMPLATES, FORMS = "/api/form-templates", "/api/forms"
STROKES = [[[100, 200], [300, 100], [500, 220]], [[700, 50]]]


@pytest.fixture
def clinic(practice, make_user, client_of):
    people = {role: make_user(role) for role in ("admin", "doctor", "staff", "patient")}
    clients = SimpleNamespace(**{role: client_of(person) for role, person in people.items()})
    with practice_scope(practice.pk):
        kind = AppointmentTypeFactory(name="First visit")
        chart = PatientFactory(name="Paula Maria Jensen", user=people["patient"], phone="555 0100", allergies="Latex")
        soon = timezone.now() + timedelta(days=2)
        visit = AppointmentFactory(
            patient=chart, doctor=people["doctor"], type=kind, starts_at=soon, ends_at=soon + timedelta(minutes=30)
        )
    return SimpleNamespace(practice=practice, people=people, api=clients, chart=chart, visit=visit, kind=kind)


def post(client, path, body):
    return client.post(path, body, content_type="application/json")


def page_of(person):
    client = Client()
    client.force_login(person)
    return client


def template(clinic, **fields):
    answer = post(clinic.api.admin, TEMPLATES, {**CONSENT, **fields})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def ask(clinic, of):
    answer = post(clinic.api.staff, FORMS, {"patientId": str(clinic.chart.pk), "templateId": of["id"]})
    assert answer.status_code == 201, answer.json()
    return answer.json()


def complete(client, form, **fields):
    body = {"templateVersion": form["templateVersion"], "answers": {"f2": "no"}, "name": "Paula Jensen", **fields}
    return post(client, f"{FORMS}/{form['id']}/complete", body)


def row(clinic, form):
    with practice_scope(clinic.practice.pk):
        return PatientForm.objects.select_related("version", "file").get(pk=form["id"])


def content_of(response):
    return b"".join(response.streaming_content)


def test_a_changed_form_is_a_new_version_and_what_was_signed_stays(clinic):
    made = template(clinic)
    first, second = ask(clinic, made), None
    assert ask(clinic, made)["id"] == first["id"]  # asked once
    assert complete(clinic.api.staff, first).status_code == 200
    second = ask(clinic, made)

    change = {"version": 1, "intro": "Please read this."}
    changed = clinic.api.admin.patch(f"{TEMPLATES}/{made['id']}", change, content_type="application/json")

    assert (changed.status_code, changed.json()["version"], changed.json()["validFromVersion"]) == (200, 2, 1)
    stale = clinic.api.admin.patch(f"{TEMPLATES}/{made['id']}", change, content_type="application/json")
    assert (stale.status_code, stale.json()["current"]["version"]) == (409, 2)
    address = f"{TEMPLATES}/{made['id']}"
    etag = clinic.api.admin.get(address)["ETag"]
    for headers, status in (({}, 400), ({"If-Match": '"1"'}, 409), ({"If-Match": etag}, 200)):
        body = {"need": "everyone"}
        sent = clinic.api.admin.patch(address, body, content_type="application/json", headers=headers)
        assert (sent.status_code, sent.headers.get("ETag")) == (status, etag if status == 200 else None)
    shown = {form["id"]: form for form in clinic.api.staff.get(FORMS).json()["forms"]}
    assert (shown[first["id"]]["templateVersion"], shown[first["id"]]["intro"]) == (1, CONSENT["intro"])
    assert (shown[second["id"]]["templateVersion"], shown[second["id"]]["intro"]) == (2, "Please read this.")
    assert complete(clinic.api.staff, second).status_code == 409  # its words have changed meanwhile
    assert complete(clinic.api.staff, shown[second["id"]]).status_code == 200


def test_templates_that_cannot_be(clinic, subtests):
    cases = {
        "nothing asked": [{"kind": "statement", "label": "Read this."}],
        "no label": [{"kind": "text", "label": "​"}],
        "one option": [{"kind": "choice", "label": "Which?", "options": ["A"]}],
        "options alike": [{"kind": "choice", "label": "Which?", "options": ["A", "A"]}],
        "two signatures": [{"kind": "signature", "label": "You"}, {"kind": "signature", "label": "And you"}],
        "a date as phone": [{"kind": "date", "label": "Phone", "fills": "phone"}],
        "filled twice": [{"kind": "text", "label": "Phone", "fills": "phone"}] * 2,
        "unknown kind": [{"kind": "upload", "label": "File"}],
        "none": [],
    }
    for case, questions in cases.items():
        with subtests.test(case=case):
            answer = post(clinic.api.admin, TEMPLATES, {"name": "Form", "questions": questions})
            assert answer.status_code == 400
            assert all(name.startswith("questions") for name in answer.json()["errors"])
    with subtests.test(case="another practice's type"):
        body = {**CONSENT, "need": "types", "typeIds": [str(clinic.chart.pk)]}
        assert post(clinic.api.admin, TEMPLATES, body).status_code == 404


def test_a_blank_form_is_not_complete(clinic, subtests):
    form = ask(clinic, template(clinic))
    cases = {
        "all blank": ({"answers": {}, "name": ""}, {"f2", "name"}),
        "no signature": ({"name": " "}, {"name"}),
        "not a name": ({"name": "42"}, {"name"}),
        "neither yes nor no": ({"answers": {"f2": "perhaps"}}, {"f2"}),
        "not an option": ({"answers": {"f2": "no", "f5": "Radio"}}, {"f5"}),
        "no date": ({"answers": {"f2": "no", "f6": "31.02.2026"}}, {"f6"}),
        "no number": ({"answers": {"f2": "no", "f7": "1,500"}}, {"f7"}),
        "no phone": ({"answers": {"f2": "no", "f3": "call me"}}, {"f3"}),
        "not asked": ({"answers": {"f2": "no", "f99": "x"}}, {"f99"}),
        "a statement answered": ({"answers": {"f1": "x", "f2": "no"}}, {"f1"}),
    }
    for case, (sent, wrong) in cases.items():
        with subtests.test(case=case):
            answer = complete(clinic.api.staff, form, **sent)
            assert (answer.status_code, set(answer.json()["errors"])) == (400, wrong)
    assert row(clinic, form).state == "asked"


def test_a_signed_form_is_kept_as_a_file_with_its_hash(clinic):
    form = ask(clinic, template(clinic))

    answers = {"f2": "yes", "f5": "The web", "f6": "2026-03-01", "f7": "171.5", "f4": "Žluťoučký 花粉 حساسية"}
    done = complete(clinic.api.patient, form, answers=answers, name="Paula Jensen", strokes=STROKES)

    assert done.status_code == 200, done.json()
    said = done.json()
    assert (said["state"], said["signedBy"], said["isDrawn"], said["channel"]) == (
        "completed", "Paula Jensen", True, "patient",
    )  # fmt: skip
    assert (said["answers"], said["address"]) == (answers, "127.0.0.1")
    file = content_of(clinic.api.doctor.get(f"/api/attachments/{said['fileId']}/content"))
    assert file.startswith(b"%PDF") and hashlib.sha256(file).hexdigest() == said["sha256"]
    assert complete(clinic.api.patient, form).status_code == 409
    (event,) = [each for each in whole_trail() if each.kind == AuditEvent.FORM_COMPLETED]
    assert (event.user_id, str(event.about_id)) == (clinic.people["patient"].pk, form["id"])
    assert said["sha256"] in event.details
    # its author cannot remove the file from under it
    refused = clinic.api.patient.delete(f"/api/attachments/{said['fileId']}", {"reason": "x"}, "application/json")
    assert refused.status_code == 403


def test_only_the_patient_and_the_practice_see_and_fill_in_a_form(clinic, make_user, client_of, other_practice):
    form = ask(clinic, template(clinic))
    address = f"{FORMS}/{form['id']}"
    stranger, foreigner = client_of(make_user("patient")), client_of(make_user("staff", practice=other_practice))
    for client in (stranger, foreigner):
        assert client.get(address).status_code == 404
        assert complete(client, form).status_code == 404
        assert post(client, f"{address}/withdraw", {}).status_code == 404
        assert client.get(FORMS).json()["forms"] == []
    assert client_of(make_user("billing")).get(address).status_code == 403
    assert post(clinic.api.patient, f"{address}/code", {}).status_code == 403
    with practice_scope(clinic.practice.pk):
        Patient.objects.filter(pk=clinic.chart.pk).update(restricted=True)
    assert clinic.api.staff.get(address).status_code == 403
    assert complete(clinic.api.staff, form).status_code == 403
    assert complete(clinic.api.patient, form).status_code == 200


def test_a_consent_is_withdrawn_once_and_its_file_stays(clinic):
    form = ask(clinic, template(clinic, need="everyone"))
    address = f"{FORMS}/{form['id']}/withdraw"
    assert post(clinic.api.patient, address, {}).status_code == 409
    signed = complete(clinic.api.patient, form).json()

    withdrawn = post(clinic.api.patient, address, {"reason": "Changed my mind"}).json()

    assert (withdrawn["state"], withdrawn["withdrawalReason"]) == ("withdrawn", "Changed my mind")
    assert withdrawn["sha256"] == signed["sha256"]
    assert post(clinic.api.staff, address, {}).status_code == 409
    assert "Consent to treatment" in page_of(clinic.people["patient"]).get("/me/").content.decode()
    assert missing(clinic) == "Forms missing: Consent to treatment"


def missing(clinic):
    """Return what the calendar's panel says is missing."""
    panel = page_of(clinic.people["staff"]).get(reverse("calendar_visit", args=[clinic.visit.pk])).content.decode()
    return next((line for line in panel.split("<") if "Forms missing" in line), ">").partition(">")[2]


def test_what_is_needed_before_a_visit_shows_on_the_calendar(clinic):
    assert missing(clinic) == ""
    made = template(clinic, need="types", typeIds=[str(clinic.kind.pk)])
    template(clinic, name="Marketing")
    assert missing(clinic) == "Forms missing: Consent to treatment"
    form = ask(clinic, made)
    assert complete(clinic.api.staff, form).status_code == 200
    assert missing(clinic) == ""
    # earlier versions count, until everybody has to sign again
    for again, said in ((False, ""), (True, "Forms missing: Consent to treatment")):
        change = {"version": 2 if again else 1, "intro": f"Again {again}", "signAgain": again}
        clinic.api.admin.patch(f"{TEMPLATES}/{made['id']}", change, content_type="application/json")
        assert missing(clinic) == said
    archive = {"version": 3, "archived": True}
    clinic.api.admin.patch(f"{TEMPLATES}/{made['id']}", archive, content_type="application/json")
    assert missing(clinic) == ""
    assert (
        post(clinic.api.staff, FORMS, {"patientId": str(clinic.chart.pk), "templateId": made["id"]}).status_code == 409
    )


def test_patients_begin_what_they_need_and_nothing_else(clinic):
    needed, other = template(clinic, need="everyone"), template(clinic, name="Marketing")
    own = page_of(clinic.people["patient"])

    begun = own.post(reverse("me_form_needed", args=[needed["id"]]))
    assert begun.status_code == 302
    assert own.post(reverse("me_form_needed", args=[other["id"]])).status_code == 403

    blank = own.post(begun.url, {"version": 1})
    assert (blank.status_code, blank.content.decode().count('class="mistake"')) == (200, 2)
    sent = own.post(
        begun.url, {"version": 1, "f2": "no", "name": "Paula Jensen", "strokes": "[[[1,2],[3,4]]]"}, follow=True
    )
    assert "Sent to the practice: Consent to treatment." in sent.content.decode()
    done = own.get(begun.url).content.decode()
    assert 'd="M1 2L3 4"' in done and "Signed by Paula Jensen" in done
    with practice_scope(clinic.practice.pk):
        form = PatientForm.objects.get()
    file = content_of(own.get(reverse("me_form_file", args=[form.pk])))
    assert hashlib.sha256(file).hexdigest() == form.sha256
    gone = own.post(reverse("me_form_withdraw", args=[form.pk]), {"reason": ""}, follow=True).content.decode()
    assert "Withdrawn: Consent to treatment." in gone


def test_answers_fill_the_chart_after_somebody_has_looked(clinic):
    form = ask(clinic, template(clinic))
    answers = {"f2": "no", "f3": "555 0177", "f4": "latex\nPenicillin"}
    assert complete(clinic.api.patient, form, answers=answers).status_code == 200
    desk = page_of(clinic.people["staff"])
    address = reverse("form-review", args=[form["id"]])

    page = desk.get(address).content.decode()

    assert "Answers to look at" in desk.get(reverse("patient-forms", args=[clinic.chart.pk])).content.decode()
    assert chart(clinic).phone == "555 0100"  # nothing yet
    assert "555 0177" in page and "Latex<br>Penicillin" in page
    stale = desk.post(address, {"version": 99, "accept": ["phone"]}).content.decode()
    assert "Someone else changed this" in stale and chart(clinic).phone == "555 0100"
    assert desk.post(address, {"version": chart(clinic).version, "accept": ["allergies"]}).status_code == 302
    assert (chart(clinic).phone, chart(clinic).allergies) == ("555 0100", "Latex\nPenicillin")
    assert "Answers to look at" not in desk.get(reverse("patient-forms", args=[clinic.chart.pk])).content.decode()
    by_doctor = {"accept": ["phone"], "chartVersion": chart(clinic).version}
    assert post(clinic.api.doctor, f"{FORMS}/{form['id']}/review", by_doctor).status_code == 403
    assert post(clinic.api.staff, f"{FORMS}/{form['id']}/review", by_doctor).status_code == 200
    assert chart(clinic).phone == "555 0177"


def chart(clinic):
    with practice_scope(clinic.practice.pk):
        return Patient.objects.get(pk=clinic.chart.pk)


def test_saying_none_never_takes_an_allergy_away(clinic):
    form = ask(clinic, template(clinic))
    complete(clinic.api.patient, form, answers={"f2": "no", "f4": "None"})
    answer = {"accept": ["allergies"], "chartVersion": chart(clinic).version}
    assert post(clinic.api.staff, f"{FORMS}/{form['id']}/review", answer).status_code == 400
    assert chart(clinic).allergies == "Latex"


def test_asked_by_mistake_is_taken_back_and_a_completed_form_is_not(clinic):
    made = template(clinic)
    form, desk = ask(clinic, made), page_of(clinic.people["staff"])
    back = desk.post(reverse("form-take-back", args=[form["id"]]), follow=True).content.decode()
    assert "No longer asked for: Consent to treatment." in back
    assert clinic.api.staff.get(f"{FORMS}/{form['id']}").status_code == 404
    assert post(clinic.api.staff, f"{FORMS}/{form['id']}/restore", {}).status_code == 200
    complete(clinic.api.staff, form)
    assert desk.post(reverse("form-take-back", args=[form["id"]])).status_code == 409
    refused = clinic.api.staff.delete(f"{FORMS}/{form['id']}", {"reason": "x"}, "application/json")
    assert refused.status_code == 403


def test_the_manager_writes_a_form_on_its_page(clinic):
    manager = page_of(clinic.people["admin"])
    new = reverse("form-template-new")
    assert "No forms yet" in manager.get(reverse("form-templates")).content.decode()
    page = manager.get(new).content.decode()
    assert page.count('class="card question"') == 2
    typed = {"name": "Consent", "intro": "Read.", "need": "everyone", "q-INITIAL_FORMS": 0, "q-TOTAL_FORMS": 2}
    typed |= {"q-0-kind": "yesNo", "q-0-label": "Well?", "q-1-kind": "signature", "q-1-label": "Sign"}
    for do, count, first in (("add", 3, "Well?"), ("remove-0", 1, "Sign"), ("up-1", 2, "Sign"), ("up-9", 2, "Well?")):
        rearranged = manager.post(new, {**typed, "do": do}).content.decode()
        assert (do, rearranged.count('class="card question"')) == (do, count)
        labels = re.findall(r'<textarea name="q-0-label"[^>]*>\s*([^<]*)', rearranged)
        assert (do, labels) == (do, [first])
    wrong = manager.post(new, {**typed, "need": "types", "do": "save"}).content.decode()
    assert "Choose at least one type of visit." in wrong
    saved = manager.post(new, {**typed, "do": "save"}, follow=True).content.decode()
    assert "Saved: Consent, version 1." in saved
    with practice_scope(clinic.practice.pk):
        from records.models import FormTemplate

        made = FormTemplate.objects.get()
    edit = reverse("form-template-edit", args=[made.pk])
    assert "Well?" in manager.get(edit).content.decode()
    changed = {**typed, "q-0-label": "Are you well?", "version": 1, "do": "save"}
    assert "Saved: Consent, version 2." in manager.post(edit, changed, follow=True).content.decode()
    assert "Someone else changed this" in manager.post(edit, changed).content.decode()
    archive = reverse("form-template-archive", args=[made.pk])
    assert "Archived: Consent." in manager.post(archive, follow=True).content.decode()
    assert "In use again: Consent." in manager.post(archive, follow=True).content.decode()
    assert page_of(clinic.people["staff"]).get(edit).status_code == 403


# --- On a tablet ------------------------------------------------------------------------------------------------------


def code_for(clinic, form):
    answer = post(clinic.api.staff, f"{FORMS}/{form['id']}/code", {})
    assert answer.status_code == 200, answer.json()
    return answer.json()["code"]


def test_a_tablet_shows_the_form_and_the_first_name_and_its_code_works_once(clinic):
    form = ask(clinic, template(clinic))
    tablet, earlier = Client(), code_for(clinic, form)
    code = code_for(clinic, form)
    assert tablet.get(f"/tablet/{earlier}/").status_code == 404  # replaced

    opened = tablet.post("/tablet/", {"code": f" {code[:4].lower()}-{code[4:]} "}, follow=True)

    page = opened.content.decode()
    assert opened.status_code == 200 and "For Paula" in page and "Consent to treatment" in page
    for hidden in ("Jensen", "555 0100", "Latex", clinic.practice.name, 'href="/me/'):
        assert hidden not in page, hidden
    assert (opened["Cache-Control"], opened["Referrer-Policy"]) == ("no-store, private", "strict-origin")
    assert "script-src 'self';" in opened["Content-Security-Policy"]
    blank = tablet.post(f"/tablet/{code}/", {"version": 1})
    assert "The form isn&#x27;t complete yet" in blank.content.decode()
    sent = tablet.post(f"/tablet/{code}/", {"version": 1, "f2": "no", "name": "Paula Jensen"}, follow=True)
    assert "Thank you" in sent.content.decode()
    done = row(clinic, form)
    assert (done.state, done.channel, done.filled_by_id) == ("completed", "tablet", clinic.people["staff"].pk)
    assert tablet.get(f"/tablet/{code}/").status_code == 404
    assert tablet.post(f"/tablet/{code}/", {"version": 1, "f2": "no", "name": "x"}).status_code == 404
    with installation_scope():
        assert not FormCode.objects.exists()
    kinds = {event.kind for event in whole_trail()}
    assert {AuditEvent.FORM_HANDED_OVER, AuditEvent.FORM_OPENED, AuditEvent.FORM_CODE_REFUSED} <= kinds


def test_a_code_ends_after_a_time_with_the_form_and_with_who_handed_it_over(clinic, subtests):
    form = ask(clinic, template(clinic))
    tablet, staff = Client(), clinic.people["staff"]

    def is_open(code):
        return tablet.get(f"/tablet/{code}/").status_code == 200

    code = code_for(clinic, form)
    assert is_open(code)
    with installation_scope():
        FormCode.objects.update(expires_at=timezone.now())
    assert not is_open(code)
    code = code_for(clinic, form)
    with practice_scope(clinic.practice.pk):
        type(staff).objects.filter(pk=staff.pk).update(is_active=False)
    assert not is_open(code)
    with practice_scope(clinic.practice.pk):
        type(staff).objects.filter(pk=staff.pk).update(is_active=True)
        Patient.objects.filter(pk=clinic.chart.pk).update(restricted=True)
    assert tablet.get(f"/tablet/{code}/").status_code == 403
    assert tablet.post("/tablet/", {"code": ""}).status_code == 404


def test_tries_of_codes_are_counted(clinic, monkeypatch):
    monkeypatch.setattr("records.forms.tablet.PER_HOUR", 2)
    answers = [Client().post("/tablet/", {"code": "WRONG234"}).status_code for _ in range(3)]
    assert answers == [404, 404, 429]


def test_handing_over_a_device_signs_out_on_it(clinic):
    form, desk = ask(clinic, template(clinic)), page_of(clinic.people["staff"])
    api = {"email": clinic.people["staff"].email, "password": PASSWORD}
    signed_in = desk.post("/api/v1/auth/login", api, content_type="application/json")  # a program in the same browser
    access, refresh = (signed_in.cookies[name].value for name in ("access_token", "refresh_token"))
    handed = desk.post(reverse("form-hand-over", args=[form["id"]]))
    cleared = {(one["path"], one["max-age"]) for one in handed.cookies.values() if one.key == "refresh_token"}
    assert cleared == {("/api/auth/refresh", 0), ("/api/v1/auth/refresh", 0)}
    assert "For Paula" in desk.get(handed.url).content.decode()
    assert desk.get("/calendar/").status_code == 302  # to the sign-in
    assert desk.get("/api/users/me").status_code == 401
    for cookie, value, path in (("access_token", access, "users/me"), ("refresh_token", refresh, "auth/refresh")):
        thief = Client()  # who kept the cookies
        thief.cookies[cookie] = value
        ask_again = thief.get if path == "users/me" else thief.post
        assert ask_again(f"/api/v1/{path}").status_code == 401, cookie
    shown = page_of(clinic.people["staff"]).post(reverse("form-code", args=[form["id"]])).content.decode()
    assert "/tablet/" in shown and 'class="code"' in shown
