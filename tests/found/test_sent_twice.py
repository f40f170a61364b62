"""The same thing sent twice: a chart that is there already, and an answer that was lost.

Seen in openemr#6517 and #7966, osler#82, Bahmni#196 (the same person twice); couchers#1664 (a retry does it again).
"""

from collections import Counter
from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from appointments.models import Appointment
from appointments.tests.test_double_booking import at_once
from audit.events import AuditEvent
from audit.log import AuditLogUnavailable
from audit.tests.whole_trail import whole_trail
from core.idempotency import services as idempotency
from core.idempotency.models import KeptAnswer
from core.tenancy.scope import practice_scope
from patients import services as charts
from patients.models import Patient
from patients.registrations import matching
from patients.tests.factories import PatientFactory
from records.tests.factories import FinalisedNoteFactory
from tests.found.bodies import CHART

JSON = "application/json"
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def open_chart(client, headers=KEY, **fields):
    return client.post("/api/patients", {**CHART, **fields}, JSON, headers=headers)


def count(practice):
    with practice_scope(practice.pk):
        return Patient.objects.count()


class TestPossibleDuplicates:
    def test_first_chart_has_none(self, staff):
        assert "possibleDuplicates" not in open_chart(staff, {}).json()

    @pytest.mark.parametrize(
        ("fields", "because"),
        [
            ({}, {"name", "birthDate", "phone"}),
            ({"email": "other@example.com", "phone": "(212) 555-0100"}, {"name", "birthDate"}),
            ({"name": "nora QUIST", "dateOfBirth": "1979-08-03"}, {"name", "phone"}),
            ({"name": "Nora Quisst", "phone": "+1 212 555 0188"}, {"name", "birthDate", "phone"}),
            ({"name": "Nora Meyer-Hall"}, {"birthDate", "phone"}),
        ],
    )
    def test_chart_that_is_there_is_shown(self, staff, fields, because):
        first = open_chart(staff, {}).json()

        (found,) = open_chart(staff, {}, **fields).json()["possibleDuplicates"]

        assert (found["id"], found["name"]) == (first["id"], CHART["name"])
        assert because <= set(found["because"])

    def test_one_thing_in_common_is_not_enough(self, staff):
        open_chart(staff, {})
        for fields in (
            {"name": "Nora Quist", "phone": "(212) 555-0100", "dateOfBirth": "2001-01-01"},
            {"name": "Otto Quill", "dateOfBirth": "2001-01-01"},
            {"name": "Pia Long", "phone": "(212) 555-0101"},
        ):
            assert "possibleDuplicates" not in open_chart(staff, {}, **fields).json(), fields

    def test_date_of_birth_that_many_share_hides_nobody(self, staff, scope, monkeypatch):
        monkeypatch.setattr(matching, "MAX_BY_FACT", 3)
        for name in ("Pia Long", "Otto Quill", "Ida Berg", "Nora Quist", "Uwe Lang"):
            PatientFactory(name=name, phone="", date_of_birth=date.fromisoformat(CHART["dateOfBirth"]))

        (found,) = open_chart(staff, {}).json()["possibleDuplicates"]

        assert (found["name"], set(found["because"])) == ("Nora Quist", {"name", "birthDate"})

    def test_restricted_chart_shows_its_name_alone(self, staff, scope):
        PatientFactory(name="Nora Quist", phone="(212) 555-0188", restricted=True)

        (found,) = open_chart(staff, {}).json()["possibleDuplicates"]

        assert (found["name"], found["phone"], found["dateOfBirth"], found["because"]) == (
            "Nora Quist",
            "",
            None,
            ["name"],
        )

    def test_charts_of_other_practices_are_none(self, staff, other_practice):
        with practice_scope(other_practice.pk):
            PatientFactory(name="Nora Quist", phone="(212) 555-0188")

        assert "possibleDuplicates" not in open_chart(staff, {}).json()

    def test_pending_registration_is_seen_at_its_own_desk(self, staff, scope):
        """Opening a chart names none, since it could not be settled there; its desk has the new chart at once."""
        PatientFactory(name="Nora Quist", phone="(212) 555-0188", status="pending")

        opened = open_chart(staff, {}).json()

        assert "possibleDuplicates" not in opened
        (waiting,) = staff.get("/api/registrations").json()["registrations"]
        assert [match["id"] for match in waiting["matches"]] == [opened["id"]]

    def test_what_was_shown_is_in_the_trail(self, staff):
        first = open_chart(staff, {}).json()

        open_chart(staff, {})

        event = whole_trail().filter(kind=AuditEvent.CHARTS_SEARCHED).get()
        assert event.patients == f'["{first["id"]}"]'


def test_page_warns_of_a_chart_that_is_there(make_user, client, staff):
    open_chart(staff, {})
    client.force_login(make_user("admin"))
    form = {"name": CHART["name"], "phone": CHART["phone"], "email": CHART["email"], "gender": "female"}

    page = client.post(reverse("admin:patients_patient_add"), {**form, "date_of_birth": "1979-03-08"}, follow=True)

    assert "This person may already have a chart." in page.content.decode()


class TestOneKey:
    def test_same_request_is_done_once_and_answered_the_same(self, staff, practice):
        first, second = open_chart(staff), open_chart(staff)

        assert (first.status_code, second.status_code) == (201, 201)
        assert second.content == first.content
        assert second["Idempotency-Replayed"] == "true"
        assert "Idempotency-Replayed" not in first
        assert count(practice) == 1

    def test_order_of_names_and_quotes_do_not_matter(self, staff, practice):
        first = open_chart(staff)

        quoted = {name: f'"{key}"' for name, key in KEY.items()}
        again = staff.post("/api/patients", dict(reversed(CHART.items())), JSON, headers=quoted)

        assert again.content == first.content

    def test_another_body_or_address_is_422(self, staff, practice):
        open_chart(staff)

        other = open_chart(staff, name="Otto Quill")
        elsewhere = staff.post("/api/offices", CHART, JSON, headers=KEY)

        assert (other.status_code, set(other.json())) == (422, {"detail"})
        assert elsewhere.status_code in (403, 422)
        assert count(practice) == 1

    def test_key_is_each_persons_own(self, staff, as_role, practice):
        assert open_chart(staff).json()["id"] != open_chart(as_role("admin")).json()["id"]
        assert count(practice) == 2

    def test_key_is_each_practices_own(self, staff, make_user, client_of, other_practice):
        other = client_of(make_user("staff", practice=other_practice))

        assert open_chart(staff).json()["id"] != open_chart(other).json()["id"]

    def test_refusal_leaves_the_key_free(self, staff, practice):
        assert open_chart(staff, email="none").status_code == 400
        assert open_chart(staff).status_code == 201
        assert count(practice) == 1

    def test_visit_is_booked_once(self, staff, as_role, scope):
        ids = {"patientId": str(PatientFactory().pk), "doctorId": str(as_role("doctor").user.pk)}
        body = {**ids, "date": "2031-03-03T10:00Z", "reason": "Pain"}

        first, second = (staff.post("/api/appointments", body, JSON, headers=KEY) for _ in range(2))

        assert (first.status_code, second.status_code, second["ETag"]) == (201, 201, '"1"')
        assert second.content == first.content
        assert Appointment.objects.count() == 1

    def test_taken_slot_is_not_remembered(self, staff, as_role, scope):
        ids = {"patientId": str(PatientFactory().pk), "doctorId": str(as_role("doctor").user.pk)}
        body = {**ids, "date": "2031-03-03T10:00Z", "reason": "Pain"}
        taken = staff.post("/api/appointments", body, JSON).json()

        assert staff.post("/api/appointments", body, JSON, headers=KEY).status_code == 409
        staff.patch(f"/api/appointments/{taken['id']}", {"status": "cancelled"}, JSON)
        assert staff.post("/api/appointments", body, JSON, headers=KEY).status_code == 201

    def test_file_is_stored_once(self, as_role, scope):
        doctor, chart = as_role("doctor"), PatientFactory()

        def upload(text, name="findings.txt"):
            body = {"patientId": str(chart.pk), "file": SimpleUploadedFile(name, text, "text/plain")}
            return doctor.post("/api/attachments", body, headers=KEY)

        first, second = upload(b"Normal"), upload(b"Normal")

        assert (first.status_code, second.content) == (201, first.content)
        assert upload(b"Abnormal").status_code == upload(b"Normal", "other.txt").status_code == 422
        assert doctor.get("/api/attachments", {"patientId": str(chart.pk)}).json()["total"] == 1

    def test_text_in_the_place_of_the_file_is_a_refusal(self, as_role, scope):
        body = {"patientId": str(PatientFactory().pk), "file": "findings.txt"}

        answer = as_role("doctor").post("/api/attachments", body, headers=KEY)

        assert (answer.status_code, set(answer.json()["errors"])) == (400, {"file"})

    @pytest.mark.parametrize("key", ["", " ", '""', "k" * 256])
    def test_key_that_is_none_is_named(self, staff, practice, key):
        answer = open_chart(staff, {"Idempotency-Key": key})

        assert (answer.status_code, set(answer.json()["errors"])) == (400, {"Idempotency-Key"})
        assert count(practice) == 0

    def test_answers_with_secrets_are_not_kept(self, staff, practice):
        staff.post("/api/users/me/mfa/totp", {"password": "wrong"}, JSON, headers=KEY)

        with practice_scope(practice.pk):
            assert KeptAnswer.objects.count() == 0

    def test_search_is_done_each_time(self, as_role, scope):
        doctor, note = as_role("doctor"), FinalisedNoteFactory(patient=PatientFactory(), doctor=as_role("doctor").user)
        body = {"patientId": str(note.patient_id), "query": "back"}
        assert doctor.post("/api/sessions/search", body, JSON, headers=KEY).json()["total"] == 1

        Patient.objects.update(restricted=True)

        assert doctor.post("/api/sessions/search", body, JSON, headers=KEY).status_code == 403
        assert KeptAnswer.objects.count() == 0


class TestWhatIsKept:
    def test_for_24_hours(self, staff, practice):
        first = open_chart(staff)
        self.age(practice, hours=23)
        assert open_chart(staff).content == first.content
        self.age(practice, hours=2)

        assert open_chart(staff).json()["id"] != first.json()["id"]

    def age(self, practice, **ago):
        with practice_scope(practice.pk):
            for row in KeptAnswer.objects.all():
                row.expires_at -= timedelta(**ago)
                row.began_at -= timedelta(**ago)
                row.save()

    def test_in_the_database_nothing_is_readable(self, staff, practice):
        open_chart(staff)

        with connection.cursor() as cursor, practice_scope(practice.pk):
            cursor.execute("SELECT key_hash, request, answer FROM idempotency_keptanswer")
            stored = b"".join(part.encode() if isinstance(part, str) else bytes(part) for part in cursor.fetchone())
        for word in ("Quist", "Mill Road", "1979", KEY["Idempotency-Key"]):
            assert word.encode() not in stored

    def test_expired_are_removed_by_the_next_request_and_by_the_purge(self, staff, practice):
        for command in (False, True):
            open_chart(staff)
            self.age(practice, hours=25)

            if command:
                call_command("purge_deleted")
            else:
                open_chart(staff, {"Idempotency-Key": "another"})

            with practice_scope(practice.pk):
                assert not KeptAnswer.objects.filter(expires_at__lt=timezone.now()).exists()

    def test_repeated_answer_is_in_the_trail(self, staff):
        chart = open_chart(staff).json()["id"]

        open_chart(staff)

        event = whole_trail().filter(kind=AuditEvent.ANSWER_REPEATED).get()
        assert (event.patients, event.user_id) == (f'["{chart}"]', staff.user.pk)

    def test_without_the_trail_nothing_is_shown_again(self, staff, monkeypatch):
        open_chart(staff)

        def fail(*args, **kwargs):
            raise AuditLogUnavailable

        monkeypatch.setattr("audit.log._insert", fail)
        assert open_chart(staff).status_code == 503

    def test_failure_midway_leaves_nothing_and_the_key_free(self, staff, practice, monkeypatch):
        def fail(*args):
            raise RuntimeError("the process is killed")

        with monkeypatch.context() as patched:
            patched.setattr(idempotency, "keep", fail)
            assert open_chart(staff).status_code == 500
        assert count(practice) == 0

        assert open_chart(staff).status_code == 201
        assert count(practice) == 1

    def test_key_of_a_process_that_died_is_taken_over_after_a_while(self, staff, practice, monkeypatch):
        with monkeypatch.context() as patched:
            patched.setattr(idempotency, "keep", lambda *args: 1 / 0)
            patched.setattr(idempotency, "release", lambda *args: None)
            open_chart(staff)
        assert open_chart(staff).status_code == 409
        self.age(practice, minutes=6)

        assert open_chart(staff).status_code == 201
        assert count(practice) == 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_parallel_requests_one_is_done(self, practice, as_role, settings):
        settings.RATE_LIMIT_PER_MINUTE = 10_000
        staff = as_role("staff")

        def send(_):
            client = Client()
            client.cookies = staff.cookies
            return open_chart(client)

        answers = at_once(8, send)

        assert count(practice) == 1
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) <= {201, 409}
        assert statuses[201] >= 1
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1

    def test_second_request_while_the_first_runs_is_409(self, practice, as_role, monkeypatch):
        staff, seen, original = as_role("staff"), [], charts.open_chart
        client = Client()
        client.cookies = staff.cookies

        def meanwhile(**fields):
            (answer,) = at_once(1, lambda _: open_chart(client))
            seen.append(answer.status_code)
            return original(**fields)

        monkeypatch.setattr(charts, "open_chart", meanwhile)
        assert open_chart(staff).status_code == 201
        assert seen == [409]

    @pytest.mark.parametrize("path", ["/api/attachments", "/api/patients/{}/letters"])
    def test_file_is_stored_once_where_each_step_is_a_transaction_of_its_own(self, practice, as_role, path):
        """Seen by make test-all: on PostgreSQL the file was stored, the answer could not be kept, and was a 500."""
        with practice_scope(practice.pk):
            chart = PatientFactory()
        doctor, letter = as_role("doctor"), {"title": "To whom it may concern", "text": "Ms. Quist is well."}

        def send():
            if path.endswith("letters"):
                return doctor.post(path.format(chart.pk), letter, JSON, headers=KEY)
            file = SimpleUploadedFile("findings.txt", b"Normal", "text/plain")
            return doctor.post(path, {"patientId": str(chart.pk), "file": file}, headers=KEY)

        first, second = send(), send()
        assert (first.status_code, second.status_code) == (201, 201), first.content
        assert second.content == first.content and "Idempotency-Replayed" in second
        assert doctor.get("/api/attachments", {"patientId": str(chart.pk)}).json()["total"] == 1
