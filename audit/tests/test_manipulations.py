"""Ten thousand single manipulations, ten thousand found: in exports, and in the tables by who owns them and has taken
the triggers off. `make test` tries four hundred, others in each run. The seed makes each of them again; what was not
found is named with what was done."""

import json
import random
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from uuid_utils.compat import uuid7

from audit.models import NO_PRACTICE, Event, Seal, Subject, Unsealed
from audit.seals import verify_export
from audit.seals.verify import Tampered
from audit.seals.verify_export import Invalid, last_seals
from audit.tests.trails import exported, let_the_owner_tamper, seal, verify, write_some
from tests import sampling
from tests.sampling import EXHAUSTIVE, examples

pytestmark = pytest.mark.usefixtures("in_installation_scope")

SEED = 20261121 if EXHAUSTIVE else sampling.SEED
IN_EXPORTS, WITHOUT_KEYS, IN_TABLES = examples(8_100, 300), examples(1_500, 75), examples(400, 25)


@pytest.fixture
def trail(db, practice, other_practice):
    """Of two practices and of the installation, under several seals each, with late events; some wait."""
    for _ in range(3):
        for practice_id in (practice.pk, other_practice.pk, None):
            write_some(practice_id, 4)
        held_back = Unsealed.objects.filter(practice_id=practice.pk).order_by("-event_id")[2]
        Unsealed.objects.filter(pk=held_back.pk).delete()  # as if its transaction had not been committed yet
        assert seal() == []
        held_back.save(force_insert=True)
    assert seal() == []
    assert Seal.objects.exclude(apart=b"").count() == 3
    return practice.pk, other_practice.pk


# --- Exports ---------------------------------------------------------------------------------------------------------
def other_value(dice, value):
    """Another one of the same kind."""
    if isinstance(value, bool) or value is None:
        return "x" if value is None else not value
    if isinstance(value, int):
        return value + dice.choice([-1, 1, 1000])
    if isinstance(value, list):
        return [*value, str(uuid7())] if not value or dice.random() < 0.5 else value[:-1]
    if isinstance(value, dict):
        return {**value, "x": dice.randrange(9)}
    if not value:
        return "x"
    at = dice.randrange(len(value))
    return value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]


def as_line(row):
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def in_export(dice, lines):
    """What was done, and the lines then."""
    changed, at, to = list(lines), dice.randrange(len(lines)), dice.randrange(len(lines))
    what = dice.choice(("bit", "value", "value", "delete", "insert", "replay", "swap", "cut", "practice", "key"))
    if what == "bit":
        byte = dice.randrange(len(lines[at]))
        raw = bytearray(lines[at])
        raw[byte] ^= 1 << dice.randrange(8)
        changed[at] = bytes(raw)
    elif what in ("value", "practice", "key"):
        row = json.loads(lines[at])
        names = {"practice": ["practice_id"], "key": ["key_id"]}.get(what) or list(row)
        name = dice.choice([name for name in names if name in row] or list(row))
        donor = json.loads(lines[to]).get(name, row[name])
        row[name] = donor if donor != row[name] and dice.random() < 0.3 else other_value(dice, row[name])
        changed[at] = as_line(row)
    elif what == "delete":
        del changed[at]
    elif what == "insert":
        forged = {**json.loads(lines[at]), "id": str(uuid7()), "mac": dice.randbytes(32).hex()}
        changed.insert(to, as_line(forged))
    elif what == "replay":
        changed.insert(to, lines[at])
    elif what == "swap":
        changed[at], changed[to] = changed[to], changed[at]
    else:
        changed = changed[: max(at, 1)] + (lines[-1:] if dice.random() < 0.5 else [])
    return what, changed


def is_found(lines, **options):
    try:
        verify_export.check(lines, **options)
    except Invalid:
        return True
    return False


@pytest.mark.slow  # hundreds of manipulations
def test_manipulated_export_is_detected_with_keys(trail):
    dice, lines, keys = random.Random(SEED), exported(), dict(settings.AUDIT_KEYS)
    assert not is_found(lines, keys=keys)

    tried = 0
    while tried < IN_EXPORTS:
        what, changed = in_export(dice, lines)
        if changed != lines:
            tried += 1
            assert is_found(changed, keys=keys), (tried, what)


@pytest.mark.slow  # hundreds of manipulations
def test_in_an_export_without_keys_whose_end_was_written_anew_against_the_seals_that_were_kept(trail):
    dice, lines = random.Random(SEED), exported()
    kept = [line + b"\n" for _, line in last_seals(lines).values()]
    assert len(kept) == 3
    assert not is_found(lines, kept=kept)

    tried = 0
    while tried < WITHOUT_KEYS:
        what, changed = in_export(dice, lines[1:-1])
        if changed != lines[1:-1]:
            tried += 1
            assert is_found(with_new_end([lines[0], *changed]), kept=kept), (tried, what)


def with_new_end(lines):
    counts = {"trail": 1, "event": 0, "seal": 0, "email": 0}
    for line in lines[1:]:
        for kind in counts:
            counts[kind] += line.startswith(b'{"type":"%s"' % kind.encode())
    end = {"type": "end", "counts": counts, "key_id": 1, "digest": sha256(b"".join(lines)).hexdigest(), "mac": "0" * 64}
    return [*lines, as_line(end)]


# --- Tables ----------------------------------------------------------------------------------------------------------
MODELS = (Event, Seal)
TEXTS = ("kind", "outcome", "role", "address", "agent", "request_id", "about")


def other_column(dice, field, value):
    kind = field.get_internal_type()
    if kind == "UUIDField":
        return uuid7() if value is None or dice.random() < 0.5 else UUID(int=value.int ^ (1 << dice.randrange(128)))
    if kind == "DateTimeField":
        return value + timedelta(microseconds=dice.choice([-1, 1, 1_000_000]))
    if kind == "BinaryField":
        raw = bytearray(value or b"\0")
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        return bytes(raw)
    if kind == "TextField":  # JSON
        return dice.choice(
            [value + " ", json.dumps(other_value(dice, json.loads(value))), "nothing", "[]{}", value[1:]]
        )
    if kind == "CharField":
        return other_value(dice, value)
    return abs(value + dice.choice([-1, 1, 7]))


def update(row, **values):
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def edit(dice, row):
    field = dice.choice(row._meta.concrete_fields)
    update(row, **{field.attname: other_column(dice, field, getattr(row, field.attname))})
    return f"{row._meta.label}.{field.attname} of {row.pk}"


def copy(row, **values):
    fields = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    type(row)(**{**fields, **values}).save(force_insert=True)


def swap(one, other, name):
    ours, theirs = getattr(one, name), getattr(other, name)
    with_room = uuid7() if name == "id" else 10**9 if name == "number" else ours
    update(one, **{name: with_room})
    update(other, **{name: ours})
    type(one)._base_manager.filter(pk=with_room if name == "id" else one.pk).update(**{name: theirs})


def in_tables(dice, rows, practices):
    events, seals, subjects = rows
    event, other = dice.sample(events, 2)
    one, another = dice.sample(seals, 2)
    subject = dice.choice(subjects)
    foreign = dice.choice(
        [practice_id for practice_id in (*practices, NO_PRACTICE) if practice_id != event.practice_id]
    )
    stray = {"practice_id": subject.practice_id, "patient_id": subject.patient_id, "event_id": subject.event_id}
    subjects = Subject.objects.filter(**stray)
    tail = Seal.objects.filter(practice_id=one.practice_id, number__gte=one.number)
    tries = {
        "edited event": lambda: edit(dice, event),
        "edited event again": lambda: edit(dice, event),
        "edited seal": lambda: edit(dice, one),
        "deleted event": lambda: Event.objects.filter(pk=event.pk).delete(),
        "deleted event and its patients": lambda: (
            Event.objects.filter(pk=event.pk).delete(),
            Subject.objects.filter(event_id=event.pk).delete(),
        ),
        "copied event": lambda: copy(event, id=uuid7()),
        "copied event that waits": lambda: (
            copy(event, id=(new := uuid7()), patients="[]"),
            Unsealed(event_id=new, practice_id=event.practice_id).save(force_insert=True),
        ),
        "event of another practice": lambda: copy(event, id=uuid7(), practice_id=foreign),
        "moved event": lambda: update(event, practice_id=foreign),
        "swapped ids": lambda: swap(event, other, "id"),
        "swapped times": lambda: swap(event, other, "at"),
        "key": lambda: update(event, key_id=dice.randrange(2, 99)),
        "unsealed again": lambda: Unsealed(event_id=event.pk, practice_id=event.practice_id).save(force_insert=True),
        "waits without being there": lambda: Unsealed(event_id=uuid7(), practice_id=foreign).save(force_insert=True),
        "deleted seal": lambda: Seal.objects.filter(pk=one.pk).delete(),
        "deleted seals at the end": lambda: tail.delete(),
        "deleted end": lambda: (
            Event.objects.filter(practice_id=one.practice_id).delete(),
            Subject.objects.filter(practice_id=one.practice_id).delete(),
            Seal.objects.filter(practice_id=one.practice_id).delete(),
        ),
        "moved seal": lambda: update(one, practice_id=uuid7()),
        "swapped seals": lambda: swap(one, another, dice.choice(["id", "at", "digest", "count"])),
        "copied seal": lambda: copy(one, id=uuid7(), number=one.number + 100),
        "deleted subject": subjects.delete,
        "moved subject": lambda: subjects.update(practice_id=foreign),
        "another patient": lambda: subjects.update(patient_id=uuid7()),
        "another event": lambda: subjects.update(event_id=other.pk),
        "invented subject": lambda: Subject(**{**stray, "patient_id": uuid7()}).save(force_insert=True),
    }
    what = dice.choice(list(tries))
    return f"{what}: {tries[what]()}"


def content():
    tables = [(model, model._base_manager.order_by("pk")) for model in (Event, Seal, Subject, Unsealed)]
    return [
        [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in found.values_list()]
        for _, found in tables
    ]


@pytest.mark.slow  # hundreds of manipulations
def test_manipulated_tables_are_detected(trail):
    dice = random.Random(SEED)
    kept = {UUID(practice_id): one for practice_id, one in last_seals(exported()).items()}
    let_the_owner_tamper()
    rows = (
        list(Event.objects.order_by("pk")),
        list(Seal.objects.order_by("pk")),
        list(Subject.objects.order_by("event_id")),
    )
    before = content()
    assert verify(exported=kept).events == len(rows[0])

    tried = 0
    while tried < IN_TABLES:
        try:
            with transaction.atomic():
                what = in_tables(dice, rows, trail)
                if content() != before:
                    tried += 1
                    with pytest.raises(Tampered):
                        verify(exported=kept)
                        pytest.fail(f"not found: {tried}, {what}")
                transaction.set_rollback(True)
        except IntegrityError:
            continue  # a key that is there already: refused even to them
    assert content() == before
