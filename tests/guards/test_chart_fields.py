"""What a new field of a chart is easily forgotten in (docs/development.md, "A field of a chart")."""

from django.urls import reverse

from core.encryption.fields import EncryptedCharField, EncryptedFieldMixin, EncryptedTextField
from core.tenancy.scope import practice_scope
from patients.models import Patient
from patients.models.patient import DEFERRED_IN_LISTS
from patients.tests.factories import PatientFactory

READ_BY_BILLING = {"name", "email", "phone", "address"}
READ_BY_LISTS = {"name"}


def test_lists_of_visits_decrypt_no_more_of_a_chart_than_they_show():
    encrypted = {field.name for field in Patient._meta.fields if isinstance(field, EncryptedFieldMixin)}
    deferred = {name.removeprefix("patient__") for name in DEFERRED_IN_LISTS if name.startswith("patient__")}
    assert encrypted - deferred == READ_BY_LISTS, "add it to _CHART_COLUMNS (patients/models/patient.py)"


def test_billing_reads_contact_data_alone_on_the_chart_of_the_admin_site(enter_as, practice):
    texts = [field for field in Patient._meta.fields if isinstance(field, EncryptedCharField | EncryptedTextField)]
    marks = {field.name: f"marked-{field.name}" for field in texts} | {"email": "marked-email@example.org"}
    with practice_scope(practice.pk):
        chart = PatientFactory(**marks)
    address = reverse("admin:patients_patient_change", args=[chart.pk])

    def shown(role):
        page = enter_as(role).get(address).content.decode()
        return {name for name, mark in marks.items() if mark in page}

    assert shown("billing") == READ_BY_BILLING, "withhold it in get_fieldsets (patients/admin/patients.py)"
    assert shown("doctor") == set(marks), "show it in fieldsets (patients/admin/patients.py)"
