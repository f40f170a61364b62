"""The trail's tables. The database itself refuses UPDATE, DELETE and TRUNCATE of what has been written; its triggers
also keep `Subject` and `Unsealed` (migration 0002)."""

from hashlib import sha256
from typing import Any, ClassVar
from uuid import UUID

import orjson
from django.db import models
from uuid_utils.compat import uuid7

from audit import keys
from audit.events import Kind, Outcome

NO_PRACTICE = UUID(int=0)  # an event of the installation: an unknown email, a superuser, a command


class EventManager(models.Manager["Event"]):
    def log_create(self, instance: models.Model, *, action: Kind, changes: dict[str, Any], **kwargs: Any) -> None:
        """What django-auditlog calls for each change that it sees (AUDITLOG_LOGENTRY_MODEL). Of the values nothing is
        kept: the names of the fields alone."""
        from audit.registry import PATIENT
        from audit.trail import record_change

        record_change(instance, kind=action, fields=sorted(changes), patients=changes.get(PATIENT, ()))


class Event(models.Model):
    """One thing that happened: who, in which practice, to which patients, when, from where. It never changes.

    The key is a UUIDv7 of the same instant as `at`, so its order is that of time, and a span of time is a span of
    keys. `patients` and `details` are JSON as text: exactly what the MAC covers.
    """

    class Action:
        """The names that django-auditlog knows."""

        CREATE, UPDATE, DELETE = Kind.CREATED, Kind.CHANGED, Kind.DELETED

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    practice_id = models.UUIDField(default=NO_PRACTICE)  # no foreign key: the trail outlives what it tells of
    kind = models.CharField(max_length=40)  # one of Kind; without choices, for a new kind is no migration
    outcome = models.CharField(max_length=10, default=Outcome.DONE)
    user_id = models.UUIDField(null=True)
    role = models.CharField(max_length=10, blank=True)
    email = models.BinaryField(null=True)
    address = models.CharField(max_length=45, blank=True)  # as text: what is read back is what the MAC covers
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
        indexes: ClassVar = [  # what stands behind `id` is filtered by in the index, without a look at the row
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
    """What the MAC of an event covers: its columns by name, in the order of COVERED, as one JSON object without spaces,
    times in UTC as orjson writes them, bytes in hex, `patients` and `details` as they are stored."""
    row = dict(zip(_NAMES, ("event", *values), strict=True))
    row["email"] = row["email"] and bytes(row["email"]).hex()
    row["patients"] = orjson.Fragment(row["patients"])
    row["details"] = orjson.Fragment(row["details"])
    return orjson.dumps(row)


def line(content: bytes, mac: bytes) -> bytes:
    """A row's or a seal's canonical form and its MAC: what an export has of it, and what the seals' digests cover."""
    return content[:-1] + b',"mac":"' + mac.hex().encode() + b'"}'


class Subject(models.Model):
    """That an event tells of a patient: `Event.patients` as rows, so that one chart's accesses are found at once."""

    practice_id = models.UUIDField()
    patient_id = models.UUIDField()
    event_id = models.UUIDField()
    pk = models.CompositePrimaryKey("practice_id", "patient_id", "event_id")

    def __str__(self) -> str:
        return f"Subject of {self.event_id}"


class Unsealed(models.Model):
    """An event that no seal covers yet. The one table here that rows leave, as the next seal takes them in: whatever a
    transaction took to commit, it is sealed once and not forgotten."""

    event_id = models.UUIDField(primary_key=True)
    practice_id = models.UUIDField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["practice_id", "event_id"], name="unsealed_of_practice")]

    def __str__(self) -> str:
        return f"Unsealed {self.event_id}"


class Seal(models.Model):
    """A link of a practice's chain: a digest over the events that were added since the link before, and over that.

    It covers the events after the last one of the link before up to `last_event`, and those of `apart` (16 bytes each,
    in order): committed after later ones were sealed already, or dated ahead of the sealer's clock. What any seal has
    apart is covered by that one alone (docs/adr/0009).
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
        """What is known of a seal before its events are read; the first of what its digest covers."""
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
        """What the MAC of a seal covers."""
        return self.head()[:-1] + b',"digest":"' + bytes(self.digest).hex().encode() + b'"}'

    def line(self) -> bytes:
        return line(self.canonical(), bytes(self.mac))

    def sign(self) -> None:
        self.mac = keys.mac(self.canonical(), key_id=self.key_id, purpose="seal")


class Digest:
    """SHA-256 over the hash of the seal's line before (zeros for the first), the seal's head, and the hash of each of
    its events' lines: first those apart, then the others, each in the order of their ids."""

    def __init__(self, seal: Seal, *, before: Seal | None) -> None:
        self._sum = sha256((sha256(before.line()).digest() if before else bytes(32)) + seal.head())

    def add(self, event_line: bytes) -> None:
        self._sum.update(sha256(event_line).digest())

    def digest(self) -> bytes:
        return self._sum.digest()
