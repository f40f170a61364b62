"""The tables of the audit trail. Triggers reject UPDATE, DELETE and TRUNCATE, and fill `Subject` and `Unsealed`
(migration 0002)."""

from hashlib import sha256
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.db import models
from django.dispatch import Signal
from uuid_utils.compat import uuid7

from audit import keys
from audit.events import AuditEvent, Outcome

# Sent when a row was changed or deleted; `changes` holds the old and new value of each field. New rows go another way
# (audit/auditlog_adapter.py).
row_changed = Signal()
NO_PRACTICE = UUID(int=0)  # an event of the installation: an unknown email, a superuser, a command


class EventManager(models.Manager["Event"]):
    def log_create(self, instance: models.Model, *, action: AuditEvent, changes: dict[str, Any], **kwargs: Any) -> None:
        """Called by django-auditlog for each change and deletion (AUDITLOG_LOGENTRY_MODEL). Raise RuntimeError if no
        receiver would record it."""
        if not row_changed.has_listeners(type(instance)):
            raise RuntimeError("Changes would not be recorded: audit/auditlog_adapter.py is not loaded.")
        row_changed.send(sender=type(instance), row=instance, kind=action, changes=changes)


class Event(models.Model):
    """An audit event: who did what, in which practice, to which patients, when and from where. It never changes.

    The key is a UUIDv7 of the same instant as `at`, so keys sort by time, and a range of time is a range of keys.
    `patients` and `details` are JSON text, exactly as the MAC covers them.
    """

    class Action:
        """The names that django-auditlog uses."""

        CREATE, UPDATE, DELETE = AuditEvent.CREATED, AuditEvent.CHANGED, AuditEvent.DELETED

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    practice_id = models.UUIDField(default=NO_PRACTICE)  # no foreign key: events outlive what they are about
    kind = models.CharField(max_length=40)  # an AuditEvent; without choices, so that a new one needs no migration
    outcome = models.CharField(max_length=10, default=Outcome.DONE)
    user_id = models.UUIDField(null=True)
    role = models.CharField(max_length=10, blank=True)
    email = models.BinaryField(null=True)
    address = models.CharField(max_length=45, blank=True)  # text, so that it is read back exactly as the MAC covers it
    agent = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    patients = models.TextField(default="[]")
    about = models.CharField(max_length=60, blank=True, help_text="The model's name, such as patients.Patient.")
    about_id = models.UUIDField(null=True)
    details = models.TextField(default="{}")
    key_id = models.PositiveIntegerField()
    mac = models.BinaryField(max_length=32)

    objects: ClassVar[EventManager] = EventManager()

    class Meta:
        indexes: ClassVar = [  # columns after `id` are filtered within the index
            models.Index(fields=["practice_id", "id"], name="event_page"),
            models.Index(fields=["practice_id", "user_id", "id", "kind"], name="event_of_user"),
            models.Index(fields=["practice_id", "kind", "id"], name="event_of_kind"),
            models.Index(
                fields=["practice_id", "outcome", "id", "user_id", "kind"],
                name="event_not_done",
                condition=~models.Q(outcome=Outcome.DONE),
            ),
        ]

    def __str__(self) -> str:
        return f"Event {self.pk}"


COVERED = tuple(field.attname for field in Event._meta.concrete_fields if field.name != "mac")
_NAMES = ("type", *COVERED)


def canonical(values: tuple[Any, ...]) -> bytes:
    """Return what the MAC of an event covers: a JSON object without spaces of its columns, in the order of COVERED,
    with datetimes in UTC as orjson writes them, bytes in hex, and `patients` and `details` as stored."""
    row = dict(zip(_NAMES, ("event", *values), strict=True))
    row["email"] = row["email"] and bytes(row["email"]).hex()
    row["patients"] = orjson.Fragment(row["patients"])
    row["details"] = orjson.Fragment(row["details"])
    return orjson.dumps(row)


def line(content: bytes, mac: bytes) -> bytes:
    """Return the canonical form of an event or seal with its MAC, as exports hold it and digests cover it."""
    return content[:-1] + b',"mac":"' + mac.hex().encode() + b'"}'


class Subject(models.Model):
    """A patient of an event: `Event.patients` as rows, so that accesses to a chart are found quickly."""

    practice_id = models.UUIDField()
    patient_id = models.UUIDField()
    event_id = models.UUIDField()
    pk = models.CompositePrimaryKey("practice_id", "patient_id", "event_id")

    def __str__(self) -> str:
        return f"Subject of {self.event_id}"


class Unsealed(models.Model):
    """An event that no seal covers yet. The next seal removes it, so that each event is sealed once, however late its
    transaction commits."""

    event_id = models.UUIDField(primary_key=True)
    practice_id = models.UUIDField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["practice_id", "event_id"], name="unsealed_of_practice")]

    def __str__(self) -> str:
        return f"Unsealed {self.event_id}"


class Seal(models.Model):
    """A link of a practice's chain: a digest over the previous seal and the events since then.

    It covers the events after the previous seal's last one up to `last_event`, and those in `apart` (16 bytes each, in
    order), which were committed after later ones had been sealed or are dated ahead of the sealer's clock. An event
    that is apart is covered by that seal only (docs/adr/0009).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    practice_id = models.UUIDField()
    number = models.PositiveBigIntegerField()  # 1, 2, 3 ... in each practice
    last_event = models.UUIDField()
    apart = models.BinaryField()
    count = models.PositiveBigIntegerField()
    digest = models.BinaryField(max_length=32)
    key_id = models.PositiveIntegerField()
    mac = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice_id", "number"], name="seal_number_once_a_practice")
        ]

    def __str__(self) -> str:
        return f"Seal {self.number}"

    def head(self) -> bytes:
        """Return the part of a seal that is known before its events are read, which its digest covers first."""
        return orjson.dumps(
            {
                "type": "seal",
                "id": self.pk,
                "at": self.at,
                "practice_id": self.practice_id,
                "number": self.number,
                "last_event": self.last_event,
                "apart": bytes(self.apart).hex(),
                "count": self.count,
                "key_id": self.key_id,
            }
        )

    def canonical(self) -> bytes:
        """Return what the MAC of the seal covers."""
        return self.head()[:-1] + b',"digest":"' + bytes(self.digest).hex().encode() + b'"}'

    def line(self) -> bytes:
        return line(self.canonical(), bytes(self.mac))

    def sign(self) -> None:
        self.mac = keys.mac(self.canonical(), key_id=self.key_id, purpose="seal")


class Digest:
    """SHA-256 over the hash of the previous seal's line (zeros for the first), the seal's head, and the hash of each of
    its events' lines: first those apart, then the others, each in the order of their ids."""

    def __init__(self, seal: Seal, *, before: Seal | None) -> None:
        self._sum = sha256((sha256(before.line()).digest() if before else bytes(32)) + seal.head())

    def add(self, event_line: bytes) -> None:
        self._sum.update(sha256(event_line).digest())

    def digest(self) -> bytes:
        return self._sum.digest()
