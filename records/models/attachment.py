"""Files of a chart."""

from typing import Any, ClassVar, Self

from django.db import models

from accounts.models import User, known_as
from core.encryption.fields import EncryptedBytesField, EncryptedCharField
from core.soft_delete import LivingOnly, SoftDeletable
from core.tenancy import PracticeManager
from patients.models import Patient
from records.models.entry import EntryQuerySet
from records.models.note import SessionNote, finalised, open_to

NAME_LENGTH = 200


class MediaType(models.TextChoices):
    PDF = "application/pdf", "PDF"
    JPEG = "image/jpeg", "JPEG picture"
    PNG = "image/png", "PNG picture"
    WEBP = "image/webp", "WebP picture"
    HEIC = "image/heic", "HEIC picture"
    TEXT = "text/plain", "Text"


class State(models.TextChoices):
    STORING = "storing", "Being stored"  # until the storage has all of it; what a killed upload leaves behind
    QUARANTINED = "quarantined", "Waiting for the virus scan"
    READY = "ready", "Ready"
    INFECTED = "infected", "Infected"  # found out by a later scan; never served
    LOST = "lost", "Missing in the storage"  # as manage.py reconcile_files found it


SHOWN = (State.QUARANTINED, State.READY, State.INFECTED, State.LOST)
OF_NO_NOTE = models.Q(note=None)


class AttachmentQuerySet(EntryQuerySet):
    def readable_by(self, user: User) -> Self:
        """Of those, the ones that were stored whole; a session note's where the note is."""
        return super().readable_by(user).filter(OF_NO_NOTE | open_to(user, "note__"), state__in=SHOWN)

    def finalised(self) -> Self:
        """Those that a chart is handed out with: none of a draft."""
        return self.filter(OF_NO_NOTE | finalised("note__"))

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_people(self) -> Self:
        """With the names a list shows, in two queries: a join would leave out what a platform superuser has added."""
        return self.select_related("patient").prefetch_related("uploaded_by").defer("patient__search_index")


class AttachmentManager(LivingOnly, PracticeManager.from_queryset(AttachmentQuerySet)):  # type: ignore[misc]
    pass


class Attachment(SoftDeletable):
    """A file of a chart, cleaned and encrypted under a key of its own, which the key ring wraps (docs/adr/0018): who
    removes the row has made the file unreadable wherever copies of it are. `size` is in bytes, of what is served."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="attachments")
    note = models.ForeignKey(SessionNote, null=True, on_delete=models.PROTECT, related_name="attachments")
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = EncryptedCharField(label="attachment.name", max_length=NAME_LENGTH)
    media_type = models.CharField(max_length=40, choices=MediaType.choices, editable=False)
    size = models.PositiveBigIntegerField(editable=False)
    state = models.CharField(max_length=11, choices=State.choices, default=State.STORING, editable=False)
    storage_name = models.CharField(max_length=100, unique=True, editable=False)
    data_key = EncryptedBytesField(label="attachment.data_key", editable=False)
    scanned_at = models.DateTimeField(null=True, editable=False)
    scan_tries = models.PositiveIntegerField(default=0, editable=False)

    audited = False  # records/files/ tells what happens to one: once, and not at each step of its way
    patient_field = "patient_id"

    objects: ClassVar[AttachmentManager] = AttachmentManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(AttachmentQuerySet)()

    class Meta(SoftDeletable.Meta):
        verbose_name = "file"
        indexes: ClassVar = [
            models.Index(fields=["patient", "id"], name="attachment_of_patient"),
            models.Index(fields=["practice", "size"], name="attachment_room"),
            models.Index(
                fields=["practice", "state", "id"],
                condition=~models.Q(state="ready"),
                name="attachment_unready",
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=State.values), name="attachment_state_known"),
            models.CheckConstraint(
                condition=models.Q(media_type__in=MediaType.values), name="attachment_media_type_known"
            ),
        ]

    def __str__(self) -> str:
        return f"File {str(self.pk)[-6:]}"

    @property
    def uploader(self) -> str:
        """Who has added it, by name."""
        return known_as(getattr(self, "uploaded_by", None))

    def erase(self) -> None:
        from records.files import storing  # which needs this module

        storing.remove(self.storage_name)
