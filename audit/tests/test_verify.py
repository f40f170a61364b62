"""`audit_verify`: what it says of a trail that is right, and of one that is not."""

import io
import json
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone
from uuid_utils.compat import uuid7

from audit.events import AuditEvent
from audit.models import Event, Seal, Subject, Unsealed
from audit.tests.trails import exported, let_the_owner_tamper, seal, verify, write, write_at, write_some

pytestmark = pytest.mark.usefixtures("in_installation_scope")

PRACTICE, OTHER = UUID(int=7), UUID(int=8)


def command(*arguments):
    out, errors = io.StringIO(), io.StringIO()
    call_command("audit_verify", *arguments, stdout=out, stderr=errors)
    return out.getvalue(), errors.getvalue()


def refusal(*arguments):
    with pytest.raises(CommandError) as raised:
        command(*arguments)
    assert raised.value.returncode == 1
    return str(raised.value)


@pytest.fixture
def sealed(db):
    """Two practices, each under two seals."""
    for _ in range(2):
        write_some(PRACTICE, 6)
        write_some(OTHER, 4)
        assert seal() == []
    let_the_owner_tamper()


def events(practice_id=PRACTICE):
    return Event.objects.filter(practice_id=practice_id).order_by("pk")


def event_with_patient():
    """An event that tells of a patient."""
    return events().exclude(patients="[]")[0]


def seals(practice_id=PRACTICE):
    return Seal.objects.filter(practice_id=practice_id).order_by("number")


def test_intact_trail(sealed):
    assert command() == ("20 events and 4 seals are intact.\n", "")
    assert command(f"--practice={OTHER}") == ("8 events and 2 seals are intact.\n", "")


def test_empty_trail(db):
    assert command() == ("0 events and 0 seals are intact.\n", "")


@pytest.mark.parametrize("intact", [True, False])
def test_verification_records_one_event_and_nothing_else(sealed, intact):
    events().filter(pk=events()[3].pk).update(role="admin" if not intact else "doctor")
    before = [model._base_manager.count() for model in (Event, Seal, Subject, Unsealed)]
    if intact:
        command(f"--practice={PRACTICE}")
    else:
        refusal(f"--practice={PRACTICE}")

    last = events().last()
    assert (last.kind, json.loads(last.details)["intact"]) == (AuditEvent.TRAIL_VERIFIED, intact)
    after = [model._base_manager.count() for model in (Event, Seal, Subject, Unsealed)]
    assert after == [before[0] + 1, *before[1:]]  # the triggers are off: no subject, no queue


def test_first_bad_row_is_reported(sealed):
    third, fifth = events()[2], events()[4]
    events().filter(pk__in=[third.pk, fifth.pk]).update(address="203.0.113.9")

    assert refusal() == (f"The trail was altered. audit_event {third.pk}: its MAC does not match its content")


@pytest.mark.parametrize(
    ("tamper", "table", "reason"),
    [
        (lambda: events().filter(pk=event_with_patient().pk).delete(), "audit_subject", "does not name the patient"),
        (
            lambda: events().filter(pk=events().filter(patients="[]")[0].pk).delete(),
            "audit_seal",
            "it covers 6 events, but 5 are there",
        ),
        (lambda: seals().filter(number=1).delete(), "audit_seal", f"number 1 of {PRACTICE} should be here, not 2"),
        (lambda: seals().filter(number=2).delete(), "audit_event", "is covered by no seal and not queued for one"),
        (
            lambda: seals().filter(number=1).update(count=7),
            "audit_seal",
            "its MAC does not match its content (number 1",
        ),
        (lambda: Subject.objects.filter(event_id=event_with_patient().pk).delete(), "audit_subject", "is missing"),
        (lambda: events().filter(pk=events()[3].pk).update(key_id=9), "audit_event", "its key 9 is not in AUDIT_KEYS"),
        (lambda: events().filter(pk=events()[3].pk).update(details='{"a"'), "audit_event", "content cannot be read"),
        (
            lambda: Unsealed(event_id=uuid7(), practice_id=PRACTICE).save(force_insert=True),
            "audit_event",
            "is queued for sealing but missing",
        ),
    ],
)
def test_each_fault_is_described(sealed, tamper, table, reason):
    tamper()

    message = refusal()

    assert message.startswith(f"The trail was altered. {table} ") and reason in message


def test_text_cannot_move_between_columns(sealed):
    """The same bytes under the MAC, split elsewhere."""
    row = events().filter(patients="[]")[0]
    events().filter(pk=row.pk).update(patients='[],"about":"","about_id":null,"details":{}', details="{}")
    assert "content cannot be read" in refusal()


def test_truncated_trail_is_detected_by_an_exported_seal(sealed, tmp_path):
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"".join(exported()))
    assert command(f"--seal={kept}")[1] == ""

    last = seals().last()
    covered = events().filter(pk__gt=seals().first().last_event)
    Subject.objects.filter(event_id__in=list(covered.values_list("pk", flat=True))).delete()
    covered.delete()
    seals().filter(pk=last.pk).delete()
    Event.objects.filter(kind=AuditEvent.TRAIL_VERIFIED).delete()

    assert verify().events == 14  # nothing in the database tells of it
    assert f"audit_seal 2 of {PRACTICE}: was exported but is missing" in refusal(f"--seal={kept}")


def test_rebuilt_chain_is_detected_by_an_exported_seal(sealed, tmp_path):
    """By somebody who has the keys, too."""
    kept = tmp_path / "kept.jsonl"
    kept.write_bytes(b"".join(line for line in exported() if line.startswith(b'{"type":"seal"')))
    seals().delete()
    for event in events():
        Unsealed(event_id=event.pk, practice_id=PRACTICE).save(force_insert=True)
    seal()

    assert verify().events == 20
    assert "number 2" in (message := refusal(f"--seal={kept}")) or f"2 of {PRACTICE}" in message


@pytest.mark.parametrize("content", ["", "no JSON", '{"type":"seal"}', '{"type":"trail"}'])
def test_file_without_seals_is_refused(sealed, tmp_path, content):
    kept = tmp_path / "kept.jsonl"
    kept.write_text(content)
    assert str(kept) in refusal(f"--seal={kept}")
    assert "cannot be read: No such file" in refusal(f"--seal={kept}.not")


def test_since_checks_seals_from_then_on(sealed):
    between = seals().last().at.isoformat()
    events().filter(pk=events().first().pk).update(role="admin")

    assert command(f"--since={between}", f"--practice={PRACTICE}")[0] == "6 events and 1 seal are intact.\n"
    assert "MAC" in refusal(f"--practice={PRACTICE}", "--since=2026-01-01T08:00")


def test_since_includes_late_events_in_their_seal(db):
    late = write_at(timezone.now() - timedelta(minutes=1), PRACTICE)
    write_some(PRACTICE, 3)
    Unsealed.objects.filter(pk=late.pk).delete()
    seal()
    Unsealed(event_id=late.pk, practice_id=PRACTICE).save(force_insert=True)
    write_some(PRACTICE, 3)
    seal()

    assert verify(since=seals().last().at).seals == 1


@pytest.mark.parametrize("arguments", [["--since=yesterday"], ["--practice=Demo"]])
def test_odd_arguments_are_refused(db, arguments):
    with pytest.raises(CommandError, match="argument"):
        command(*arguments)


def test_events_unsealed_for_long_give_a_warning(db):
    earlier = timezone.now() - timedelta(minutes=9)
    write_at(earlier, PRACTICE)
    write(PRACTICE)

    out, errors = command()

    assert out == "2 events and 0 seals are intact.\n"
    assert errors == f"2 events wait to be sealed, the oldest since {earlier:%Y-%m-%d %H:%M} UTC: run audit_seal.\n"


def test_recent_unsealed_events_give_no_warning(db):
    write(PRACTICE)
    assert command()[1] == ""


def test_events_signed_with_an_older_key_verify_while_it_is_in_the_ring(db, settings):
    (old,) = settings.AUDIT_KEYS.items()
    write_some(PRACTICE, 3)
    seal()
    with override_settings(AUDIT_KEYS={2: bytes(range(32)), **settings.AUDIT_KEYS}):
        write_some(PRACTICE, 3)
        seal()
        assert set(seals().values_list("key_id", flat=True)) == {old[0], 2}
        assert "6 events and 2 seals" in command()[0]
    with override_settings(AUDIT_KEYS={2: bytes(range(32))}):
        assert f"its key {old[0]} is not in AUDIT_KEYS: the key was lost or the row was edited" in refusal()
