"""GET /api/patients/:id/accesses: who has seen a chart."""

import pytest

from audit.events import AuditEvent
from audit.tests.whole_trail import record
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from tests.contract.clinic import NOBODY, Clinic
from tests.contract.test_audit_api import AUDIT, accesses, all_pages, events


class TestWhoHasSeenAChart:
    @pytest.fixture
    def patient(self, clinic: Clinic):
        return clinic.hire("patient")

    def test_patient_reads_who_but_not_from_where(self, clinic, patient):
        chart, doctor = clinic.chart_of(patient), clinic.hire("doctor", name="Dr. Grace Chen")
        doctor.get(f"/api/patients/{chart}")

        answer = patient.get(accesses(chart), limit=100)

        (seen,) = [
            access for access in answer.json["accesses"] if access["user"] and access["user"]["role"] == "doctor"
        ]
        assert list(seen) == ["id", "at", "event", "label", "outcome", "user"]
        assert (seen["event"], seen["label"], seen["outcome"]) == ("chart.read", "Chart opened", "done")
        assert seen["user"] == {"name": "Dr. Grace Chen", "role": "doctor"}
        assert doctor.id.encode() not in answer.body
        assert b"127.0.0.1" not in answer.body

    def test_office_manager_reads_the_same(self, clinic, patient):
        chart = clinic.chart_of(patient)
        clinic.doctor.get(f"/api/patients/{chart}")

        of_patient = patient.get(accesses(chart), limit=100).json["accesses"]
        of_manager = clinic.admin.get(accesses(chart), limit=100).json["accesses"]

        assert of_manager[1:] == of_patient
        assert of_manager[0]["event"] == "trail.accesses_read"

    def test_lists_and_searches_count_as_seeing(self, clinic):
        chart = clinic.chart(name="Zenobia Quist")["id"]
        clinic.staff.get("/api/patients", search="zenobia")
        clinic.staff.get("/api/patients")

        seen = [access["event"] for access in clinic.admin.get(accesses(chart)).json["accesses"]]

        assert seen == ["chart.listed", "chart.searched", "data.created"]

    def test_reading_accesses_is_logged(self, clinic, patient):
        chart = clinic.chart_of(patient)
        patient.get(accesses(chart))

        (first, *_) = patient.get(accesses(chart)).json["accesses"]

        assert first["event"] == "trail.accesses_read"
        assert first["user"]["role"] == "patient"
        (told, *_) = events(clinic, user=patient.id, event="trail.accesses_read")
        assert (told["patients"], told["about"]) == ([chart], "patients.Patient")

    def test_pages_follow_each_other(self, clinic, patient):
        chart = clinic.chart_of(patient)
        for _ in range(4):
            clinic.doctor.get(f"/api/patients/{chart}")
        all_at_once = patient.get(accesses(chart), limit=100).json["accesses"]

        by_twos = all_pages(patient, accesses(chart), "accesses", limit=2)

        assert by_twos[1:] == all_at_once

    def test_other_charts_do_not_exist_for_a_patient(self, clinic, patient):
        other = clinic.chart()["id"]

        for chart in (other, clinic.elsewhere.foreign_chart["id"], NOBODY):
            answer = patient.get(accesses(chart))
            assert (answer.status, answer.json) == (404, {"detail": "Patient not found."})
        refused = events(clinic, user=patient.id, event="trail.accesses_read")
        assert {event["outcome"] for event in refused} == {"refused"}

    def test_another_practices_chart_does_not_exist(self, clinic):
        assert clinic.admin.get(accesses(clinic.elsewhere.foreign_chart["id"])).status == 404

    @pytest.mark.parametrize("role", ["doctor", "staff", "billing"])
    def test_other_roles_are_refused(self, clinic, role):
        assert clinic.as_role(role).get(accesses(clinic.chart()["id"])).status == 403

    def test_anonymous_caller_is_refused(self, clinic):
        assert clinic.anonymous.get(accesses(NOBODY)).status == clinic.anonymous.get(AUDIT).status == 401

    def test_patient_does_not_learn_who_else_is_one(self, as_role, practice, make_user):
        patient = as_role("patient", name="Paula Jensen")
        with practice_scope(practice.pk):
            chart = PatientFactory(user=patient.user)
        for role, name in (("patient", "Other Patient"), ("staff", "Sam Desk")):
            person = make_user(role, name=name)
            record(
                AuditEvent.CHART_READ, practice_id=practice.pk, patients=[chart.pk], user_id=person.pk, role=person.role
            )
        patient.get(f"/api/patients/{chart.pk}")

        def names(client):
            seen = client.get(accesses(chart.pk)).json()["accesses"]
            return {access["user"]["name"] for access in seen if access["event"] == "chart.read"}

        assert names(patient) == {"Paula Jensen", "Sam Desk", None}
        assert names(as_role("admin")) == {"Paula Jensen", "Sam Desk", "Other Patient"}
