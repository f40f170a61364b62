"""`manage.py rotate_keys` and `check_encryption`. tests/test_rotation_while_serving.py kills one in the middle."""

import stat
from contextlib import closing
from datetime import UTC, datetime
from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts.models import User
from accounts.tests.factories import UserFactory
from appointments.models import Appointment
from appointments.tests.factories import AppointmentFactory
from audit.events import AuditEvent
from audit.tests.whole_trail import whole_trail
from core.encryption import key_file
from core.encryption.keyring import DecryptionError, get_keyring
from core.tenancy.scope import installation_scope, practice_scope
from patients.models import Patient
from patients.tests.factories import PatientFactory
from records.models import MedicalRecord
from records.tests.factories import MedicalRecordFactory
from tests import damage


@pytest.fixture
def file(tmp_path, settings):
    """The ring of the tests, in a file."""
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    key_file.write(path, settings.FIELD_ENCRYPTION_KEYS)
    settings.FIELD_ENCRYPTION_KEYS_FILE = path
    return path


@pytest.fixture
def clinics(practice, other_practice, make_user):
    """Rows of every encrypted model in two practices, and a superuser."""
    superuser = User(email="root@example.com", name="Root", role="admin", is_superuser=True)
    superuser.set_unusable_password()
    with installation_scope():
        superuser.save()
    for place in (practice, other_practice):
        doctor = make_user("doctor", practice=place)
        with practice_scope(place.pk):
            patient = PatientFactory(allergies="Penicillin", date_of_birth=None)
            AppointmentFactory(patient=patient, doctor=doctor, notes="Note")
            MedicalRecordFactory(patient=patient, doctor=doctor, attachments=["scan.pdf"])
    return practice, other_practice


def rotate(capsys, *arguments):
    """As a process of its own, which reads the ring anew."""
    get_keyring.cache_clear()
    call_command("rotate_keys", *arguments)
    return capsys.readouterr().out


def everything(place):
    """All rows of a practice, as plain values."""
    with practice_scope(place.pk):
        return {
            (model.__name__, row.pk, field.name): getattr(row, field.attname)
            for model in (User, Patient, Appointment, MedicalRecord)
            for row in model.objects.all()
            for field in model._meta.concrete_fields
        }


@pytest.mark.slow  # a rotation moves every table
def test_everything_moves_to_a_new_key_and_nothing_else_changes(clinics, file, capsys):
    before = [everything(place) for place in clinics]

    output = rotate(capsys, "--new")

    assert "11 rows moved to key 2." in output
    assert "Nothing is left under key 1. Remove it from the ring once rotate_keys --status still says so" in output
    again = rotate(capsys)
    assert "rows moved" not in again
    assert "Everything is encrypted under key 2." in again
    newest, _ = file.read_text().splitlines()
    assert newest.startswith(f"2@{datetime.now(UTC).date()}:")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert newest.split(":")[1] not in output
    file.write_text(newest)
    get_keyring.cache_clear()
    assert [everything(place) for place in clinics] == before  # updated_at too
    call_command("check_encryption")


def test_rotation_is_audited_without_keys_and_rows(clinics, file, capsys):
    with installation_scope():
        before = set(whole_trail().values_list("pk", flat=True))
        rotate(capsys, "--new")
        events = list(whole_trail().exclude(pk__in=before).order_by("pk"))
    assert [event.kind for event in events] == [AuditEvent.KEYS_ROTATED] * 2
    assert [event.details for event in events] == [
        '{"key_id":2,"state":"begun","rows":11}',
        '{"key_id":2,"state":"done","rows":11,"unreadable":0}',
    ]


def test_key_added_by_hand_is_used(clinics, file, capsys):
    file.write_text(rotate(capsys, "--print-key") + file.read_text())
    assert "11 rows moved to key 2." in rotate(capsys)


def test_print_key_prints_only_an_entry(file, capsys):
    (key_id,) = key_file.parse(rotate(capsys, "--print-key"))
    assert key_id == 2


def test_status_counts_values_and_changes_nothing(clinics, file, capsys):
    file.write_text(rotate(capsys, "--print-key") + file.read_text())
    before = file.read_text()
    output = rotate(capsys, "--status")
    assert [line.split() for line in output.splitlines()] == [
        ["accounts.User", "key", "1", "9", "values"],
        ["appointments.Appointment", "key", "1", "4", "values"],
        ["patients.Patient", "key", "1", "16", "values"],
        ["practices.Practice", "key", "1", "2", "values"],
        ["records.MedicalRecord", "key", "1", "8", "values"],
    ]
    assert rotate(capsys, "--status") == output
    assert file.read_text() == before


def test_new_key_is_refused_during_a_rotation(clinics, file, capsys):
    file.write_text(rotate(capsys, "--print-key") + file.read_text())
    before = file.read_text()
    with pytest.raises(CommandError, match=r"^Not everything is under key 2 yet\. Run rotate_keys without --new"):
        rotate(capsys, "--new")
    assert file.read_text() == before


def test_new_key_is_refused_if_another_was_just_added(clinics, file, capsys):
    get_keyring.cache_clear()
    assert get_keyring().newest_id == 1
    key_file.add_key(file, before=1)
    before = file.read_text()
    with pytest.raises(CommandError, match=r"^The ring no longer begins with key 1: someone else has just"):
        call_command("rotate_keys", "--new")
    assert file.read_text() == before


def test_without_a_key_file_it_says_what_to_do(clinics, settings, capsys):
    with pytest.raises(CommandError, match="Keep them in a file"):
        rotate(capsys, "--new")
    settings.FIELD_ENCRYPTION_KEYS = {2: key_file.Key.new(), **settings.FIELD_ENCRYPTION_KEYS}
    with pytest.raises(CommandError, match=r"without key 2 could not read.*--restarted"):
        rotate(capsys)
    assert "key 2" not in rotate(capsys, "--status")
    assert "11 rows moved to key 2." in rotate(capsys, "--restarted")


def test_read_only_file_is_reported(clinics, file, capsys, monkeypatch):
    def refuse(path, keys):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(key_file, "write", refuse)
    with pytest.raises(CommandError, match=r"cannot be written \(.*\): Read-only file system\. .*--print-key"):
        rotate(capsys, "--new")


@pytest.mark.slow  # the same
def test_values_that_cannot_be_decrypted_are_listed_and_the_rest_moves(subtests, clinics, file, capsys):
    ways = (damage.lose_key, damage.flip_bit, damage.truncate)
    with practice_scope(clinics[0].pk):
        charts = [PatientFactory() for _ in ways]
    kept = [way(chart, "name") for way, chart in zip(ways, charts, strict=True)]
    for _ in range(2):  # they do not stand in the way of the next rotation
        with pytest.raises(CommandError) as failure:
            rotate(capsys, "--new")
    output = str(failure.value)
    assert output.startswith("3 values could not be decrypted (left unchanged):\n")
    for way, chart, left in zip(ways, charts, kept, strict=True):
        with subtests.test(way=way.__name__):
            assert f"patients.Patient.name of {chart.pk}: " in output and chart.email not in output
            assert damage.stored(chart, "name") == left
            assert damage.stored(chart, "email")[1:3] == b"\x00\x03"


def test_small_batches_reach_every_row(scope, file, capsys):
    for _ in range(7):
        PatientFactory()
    assert "8 rows moved" in rotate(capsys, "--new", "--batch-size", "2")


@pytest.mark.parametrize("size", ["0", "-1", "x"])
def test_batch_size_must_be_valid(size):
    with pytest.raises(CommandError, match="--batch-size"):
        call_command("rotate_keys", "--batch-size", size)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_locked_rows_are_skipped_until_the_next_run(practice, file, capsys, other_connection):
    with practice_scope(practice.pk):
        busy, free = PatientFactory(), PatientFactory()
    with other_connection() as cursor:
        cursor.execute("SELECT 1 FROM patients_patient WHERE id = %s FOR UPDATE", [busy.pk])
        with pytest.raises(CommandError, match=r"values still under older keys\. Run rotate_keys again\."):
            rotate(capsys, "--new")
        assert damage.stored(free, "name")[1:3] == b"\x00\x02"
    assert "1 row moved" in rotate(capsys)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_rows_committed_late_under_the_old_key_are_found_by_a_second_run(practice, file, capsys):
    get_keyring.cache_clear()
    written, may_commit = Event(), Event()

    def register():
        with closing(connection), practice_scope(practice.pk), transaction.atomic():
            PatientFactory()
            written.set()
            may_commit.wait(300)

    request = Thread(target=register)
    request.start()
    try:
        assert written.wait(300)
        output = rotate(capsys, "--new")
    finally:
        may_commit.set()
        request.join()

    assert "Remove it from the ring once rotate_keys --status still says so after every request" in output
    assert "Nothing is left" not in rotate(capsys, "--status")
    assert "1 row moved to key 2." in rotate(capsys)
    assert "Nothing is left under key 1." in rotate(capsys, "--status")


@pytest.fixture
def other_connection():
    from contextlib import contextmanager

    import psycopg

    @contextmanager
    def connect():
        owners = {"cursor_factory": psycopg.Cursor, "options": None}
        with psycopg.connect(**connection.get_connection_params() | owners) as other:
            yield other.cursor()

    return connect


# --- check_encryption


def check(capsys, *arguments):
    call_command("check_encryption", *arguments)
    return capsys.readouterr().out


def test_check_counts_values_by_field_and_key(clinics, capsys):
    lines = [line.split() for line in check(capsys).splitlines()]
    assert ["patients.Patient.name", "key", "1", "2", "values"] in lines
    assert ["accounts.User.email", "key", "1", "3", "values"] in lines
    assert lines[-1] == ["All", "39", "values", "can", "be", "decrypted."]


def test_check_names_the_rows_and_never_a_value(clinics, capsys):
    with practice_scope(clinics[0].pk):
        chart, appointment = Patient.objects.get(), Appointment.objects.get()
    damage.lose_key(chart, "allergies")
    damage.flip_bit(appointment, "notes")
    with pytest.raises(CommandError, match=r"^2 of 39 values cannot be decrypted\.$"):
        check(capsys)
    output = capsys.readouterr().out
    assert f"patients.Patient.allergies of {chart.pk}: key 7 is missing\n" in output
    assert f"appointments.Appointment.notes of {appointment.pk}: it is damaged" in output
    assert "Penicillin" not in output and chart.name not in output


def test_check_of_one_practice_reads_no_other(clinics, capsys):
    own, other = clinics
    with practice_scope(other.pk):
        damage.lose_key(Patient.objects.get(), "name")
    for name in (own.name, str(own.pk)):
        assert "All 17 values can be decrypted." in check(capsys, "--practice", name)
    with pytest.raises(CommandError):
        check(capsys, "--practice", other.name)
    with pytest.raises(CommandError, match="No practice has the name 'Nowhere'"):
        check(capsys, "--practice", "Nowhere")


def test_moved_values_can_be_read(clinics, file, capsys, client_of):
    rotate(capsys, "--new")
    with practice_scope(clinics[0].pk):
        client = client_of(UserFactory(role="doctor"))
        chart = Patient.objects.get()
    assert client.get(f"/api/patients/{chart.pk}").json()["allergies"] == "Penicillin"
    file.write_text(file.read_text().splitlines()[0])
    get_keyring.cache_clear()
    assert client.get(f"/api/patients/{chart.pk}").json()["allergies"] == "Penicillin"


def test_removed_key_raises(clinics, file, capsys):
    file.write_text(rotate(capsys, "--print-key"))
    get_keyring.cache_clear()
    with practice_scope(clinics[0].pk), pytest.raises(DecryptionError, match="key 1 is missing"):
        _ = Patient.objects.get().name
    assert "key 1 (missing)" in rotate(capsys, "--status")
