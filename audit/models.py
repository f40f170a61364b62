"""The trail's tables. The database itself refuses UPDATE, DELETE and TRUNCATE of what has been written; its triggers
also keep `Subject` and `Unsealed` (migration 0002)."""

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
        from audit.trail import record_change

        record_change(instance, kind=action, fields=sorted(changes))


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
        indexes: ClassVar = [
            models.Index(fields=["practice_id", "id"], name="event_page"),
            models.Index(fields=["practice_id", "user_id", "id"], name="event_of_user"),
            models.Index(fields=["practice_id", "kind", "id"], name="event_of_kind"),
        ]

    def __str__(self) -> str:
        return f"Event {self.pk}"

    def canonical(self) -> bytes:
        return canonical(tuple(getattr(self, name) for name in COVERED))

    def sign(self) -> None:
        """Under the newest key."""
        self.mac = keys.mac(self.canonical(), key_id=self.key_id, purpose="event")


COVERED = tuple(field.attname for field in Event._meta.concrete_fields if field.name != "mac")
_AT, _EMAIL, _PATIENTS, _DETAILS = (COVERED.index(name) for name in ("at", "email", "patients", "details"))


def canonical(values: tuple[Any, ...]) -> bytes:
    """What the MAC of an event covers: its columns in the order of COVERED as one JSON array, without spaces, times in
    UTC with microseconds, bytes in hex, `patients` and `details` as they are stored. audit/verify_export.py builds
    the same from an export."""
    row = list(values)
    row[_AT] = row[_AT].isoformat(timespec="microseconds")
    row[_EMAIL] = row[_EMAIL] and bytes(row[_EMAIL]).hex()
    row[_PATIENTS] = orjson.Fragment(row[_PATIENTS])
    row[_DETAILS] = orjson.Fragment(row[_DETAILS])
    return orjson.dumps(row)


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

    It covers the events from the last one of the link before, exclusively, to `last_event`, and those of `late`
    (16 bytes each, in order): they were written earlier than others that are sealed already, but committed later.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField()
    practice_id = models.UUIDField()
    number = models.PositiveBigIntegerField()  # 1, 2, 3 ... in each practice
    last_event = models.UUIDField()
    late = models.BinaryField()
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
