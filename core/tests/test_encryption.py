"""The encrypted columns, on a real table (charts)."""

from datetime import date

import pytest
from django.core.exceptions import FieldError
from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Lower
from hypothesis import given
from hypothesis import strategies as st

from core.encryption.fields import EncryptedCharField
from core.encryption.keyring import OVERHEAD_BYTES, DecryptionError, Keyring, get_keyring
from patients.models import Patient
from patients.tests.factories import PatientFactory

OLD, NEW = b"o" * 32, bytes(range(32))


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_round_trip_uses_a_new_nonce_each_time(plaintext, label):
    ring = Keyring({1: NEW})
    first, second = ring.encrypt(plaintext, label), ring.encrypt(plaintext, label)
    assert ring.decrypt(first, label) == ring.decrypt(second, label) == plaintext
    assert first != second
    assert len(first) == len(plaintext) + OVERHEAD_BYTES


def test_envelope_starts_with_version_and_key_id():
    assert Keyring({258: NEW}).encrypt(b"x", b"l")[:3] == b"\x01\x01\x02"


@given(st.data())
def test_any_flipped_bit_raises(data):
    ring = Keyring({1: NEW})
    envelope = bytearray(ring.encrypt(b"chart", b"patient.name"))
    place = data.draw(st.integers(0, len(envelope) * 8 - 1))
    envelope[place // 8] ^= 1 << place % 8
    with pytest.raises(DecryptionError):
        ring.decrypt(bytes(envelope), b"patient.name")


def test_wrong_label_wrong_key_and_truncation_raise():
    ring = Keyring({1: NEW})
    envelope = ring.encrypt(b"x", b"patient.name")
    with pytest.raises(DecryptionError, match="it is damaged, belongs to another column, or"):
        ring.decrypt(envelope, b"patient.email")
    with pytest.raises(DecryptionError, match="key 1 is missing"):
        Keyring({2: NEW}).decrypt(envelope, b"patient.name")
    with pytest.raises(DecryptionError):
        Keyring({1: OLD}).decrypt(envelope, b"patient.name")
    for length in range(len(envelope)):
        with pytest.raises(DecryptionError):
            ring.decrypt(envelope[:length], b"patient.name")


def test_older_keys_decrypt_and_the_newest_encrypts():
    old = Keyring({1: OLD}).encrypt(b"x", b"l")
    ring = Keyring({2: NEW, 1: OLD})
    assert ring.decrypt(old, b"l") == b"x"
    assert ring.encrypt(b"x", b"l")[1:3] == b"\x00\x02"


def raw_column(patient, column):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM patients_patient WHERE id = %s", [_key(patient)])
        return bytes(cursor.fetchone()[0])


def _key(patient):
    return patient.pk if connection.vendor == "postgresql" else patient.pk.hex


def test_column_holds_ciphertext_and_the_model_the_text(scope):
    patient = PatientFactory(name="Zoë Quux", allergies="", date_of_birth=date(1970, 5, 6))
    assert b"Quux" not in raw_column(patient, "name")
    assert len(raw_column(patient, "allergies")) == OVERHEAD_BYTES  # even "nothing known" is not told
    found = Patient.objects.get(pk=patient.pk)
    assert (found.name, found.allergies, found.date_of_birth) == ("Zoë Quux", "", date(1970, 5, 6))


def test_user_input_is_never_decrypted(scope):
    envelope_text = get_keyring().encrypt(b"secret", b"patient.name").hex()
    patient = PatientFactory(name=envelope_text)
    assert Patient.objects.get(pk=patient.pk).name == envelope_text
    assert Patient._meta.get_field("name").to_python(envelope_text) == envelope_text


def test_value_moved_to_another_column_raises(scope):
    patient = PatientFactory()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE patients_patient SET name = email WHERE id = %s", [_key(patient)])
    found = Patient.objects.get(pk=patient.pk)
    with pytest.raises(DecryptionError, match=r"^patient\.name cannot be decrypted: it is damaged, belongs to another"):
        _ = found.name


@pytest.mark.parametrize("lookup", ["name", "name__exact", "name__icontains", "name__in", "email__startswith"])
def test_filtering_an_encrypted_column_raises(scope, lookup):
    with pytest.raises(FieldError, match="blind index"):
        list(Patient.objects.filter(**{lookup: ["x"] if lookup.endswith("__in") else "x"}))


def test_isnull_lookup_works(scope):
    born, unknown = PatientFactory(), PatientFactory(date_of_birth=None)
    assert [row.pk for row in Patient.objects.filter(date_of_birth__isnull=True)] == [unknown.pk]
    assert [row.pk for row in Patient.objects.filter(date_of_birth__isnull=False)] == [born.pk]


@pytest.mark.parametrize("expression", [F("email"), Lower("name"), Concat("name", Value("x")), Value("x")])
def test_expressions_are_refused(scope, expression):
    patient = PatientFactory(name="Before", allergies="Before")
    with pytest.raises(FieldError, match="cannot compute"), transaction.atomic():
        Patient.objects.filter(pk=patient.pk).update(allergies=expression)
    patient.name = expression
    with pytest.raises((FieldError, AttributeError, TypeError)), transaction.atomic():
        patient.save()
    found = Patient.objects.get(pk=patient.pk)
    assert (found.name, found.allergies) == ("Before", "Before")


def test_update_bulk_create_and_bulk_update_encrypt(scope):
    rows = Patient.objects.bulk_create([PatientFactory.build(name=f"Bulk {n}") for n in range(3)])
    assert sorted(row.name for row in Patient.objects.all()) == ["Bulk 0", "Bulk 1", "Bulk 2"]
    for row in rows:
        row.allergies, row.blood_type = f"nuts {row.name}", "AB-"
    Patient.objects.bulk_update(rows, ["allergies", "blood_type"])
    assert {(row.allergies, row.blood_type) for row in Patient.objects.all()} == {
        (f"nuts Bulk {n}", "AB-") for n in range(3)
    }
    assert b"nuts" not in raw_column(rows[0], "allergies")
    Patient.objects.update(emergency_contact="Elm Street")
    assert {row.emergency_contact for row in Patient.objects.all()} == {"Elm Street"}
    assert b"Elm" not in raw_column(rows[0], "emergency_contact")


def test_label_survives_migrations():
    field = EncryptedCharField(label="patient.name", max_length=200)
    _, path, args, kwargs = field.deconstruct()
    assert (path, args, kwargs) == (
        "core.encryption.fields.EncryptedCharField",
        [],
        {"label": "patient.name", "max_length": 200},
    )
