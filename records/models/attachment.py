"""Files of a chart."""

from typing import Any, ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User, display_name
from core.choices import PublicTextChoices
from core.encryption.fields import EncryptedBytesField, EncryptedCharField
from core.tenancy.managers import PracticeManager
from core.tenancy.soft_delete import NotDeletedManager, SoftDeletable
from patients.models import Patient
from records.models.entry import EntryQuerySet
from records.models.note import SessionNote, finalised_q, readable_q

MAX_NAME_LENGTH = 200


class MediaType(models.TextChoices):
    PDF = "application/pdf", _("PDF")
    JPEG = "image/jpeg", _("JPEG picture")
    PNG = "image/png", _("PNG picture")
    WEBP = "image/webp", _("WebP picture")
    HEIC = "image/heic", _("HEIC picture")
    TEXT = "text/plain", _("Text")


class FileState(models.TextChoices):
    STORING = "storing", _("Uploading")  # until storage has all of it; a killed upload stays so
    QUARANTINED = "quarantined", _("Waiting for the virus scan")
    READY = "ready", _("Ready")
    INFECTED = "infected", _("Infected")  # found by a later scan; never served
    LOST = "lost", _("Missing from storage")  # set by manage.py reconcile_files


class FileCategory(PublicTextChoices):
    REPORT = "report", _("Report or referral")
    IMAGING = "imaging", _("X-ray, MRI or other imaging")
    LAB = "lab", _("Laboratory results")
    BEFORE = "before", _("Picture before")
    AFTER = "after", _("Picture after")
    LETTER = "letter", _("Letter or certificate")
    FORM = "form", _("Form or consent")
    PORTRAIT = "portrait", _("Photo of the patient")  # the latest stands in the chart's banner
    OTHER = "other", _("Other")


PICTURES = (MediaType.JPEG, MediaType.PNG, MediaType.WEBP)  # as they are kept: HEIC as JPEG
VISIBLE_STATES = (FileState.QUARANTINED, FileState.READY, FileState.INFECTED, FileState.LOST)
WITHOUT_NOTE = models.Q(note=None)


class AttachmentQuerySet(EntryQuerySet):
    def readable_by(self, user: User) -> Self:
        """Return the completely stored files this person may read; a session note's files only with the note."""
        return super().readable_by(user).filter(WITHOUT_NOTE | readable_q(user, "note__"), state__in=VISIBLE_STATES)

    def finalised(self) -> Self:
        """Return the files that are exported with a chart: none of a draft."""
        return self.filter(WITHOUT_NOTE | finalised_q("note__"))

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def with_people(self) -> Self:
        """Fetch the names that a list shows, each in a query of its own: a join would drop
        files added by a platform superuser."""
        people = ("uploaded_by", "seen_by")
        return self.select_related("patient").prefetch_related(*people).defer("patient__search_index")

    def portraits(self) -> Self:
        """Return the photos of the patient that can be shown, the latest first."""
        shown = self.filter(category=FileCategory.PORTRAIT, media_type__in=PICTURES, state=FileState.READY)
        return shown.newest_first()

    def unseen(self) -> Self:
        """Return the files that can be opened and that no clinician has opened yet."""
        return self.filter(seen_at=None, state=FileState.READY)


class AttachmentManager(NotDeletedManager, PracticeManager.from_queryset(AttachmentQuerySet)):  # type: ignore[misc]
    pass


class Attachment(SoftDeletable):
    """A file of a chart, cleaned and encrypted under its own key, which the key ring wraps (docs/adr/0018): deleting
    the row makes the file unreadable wherever copies of it are. `size` is the number of bytes served. `seen_by` is the
    clinician who opened or added it first; a file from before this was kept has `seen_at` alone."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="attachments")
    note = models.ForeignKey(SessionNote, null=True, on_delete=models.PROTECT, related_name="attachments")
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    name = EncryptedCharField(_("name"), label="attachment.name", max_length=MAX_NAME_LENGTH)
    media_type = models.CharField(max_length=40, choices=MediaType.choices, editable=False)
    size = models.PositiveBigIntegerField(editable=False)
    state = models.CharField(
        _("status"), max_length=11, choices=FileState.choices, default=FileState.STORING, editable=False
    )
    storage_name = models.CharField(max_length=100, unique=True, editable=False)
    data_key = EncryptedBytesField(label="attachment.data_key", editable=False)
    category = models.CharField(_("category"), max_length=10, choices=FileCategory.choices, default=FileCategory.OTHER)
    seen_by = models.ForeignKey(User, null=True, editable=False, on_delete=models.PROTECT, related_name="+")
    seen_at = models.DateTimeField(null=True, editable=False)
    scanned_at = models.DateTimeField(null=True, editable=False)
    scan_tries = models.PositiveIntegerField(default=0, editable=False)

    audited = False  # records/attachments/ logs what happens to a file: once, not at each step
    patient_field = "patient_id"

    objects: ClassVar[AttachmentManager] = AttachmentManager()
    with_deleted: ClassVar[Any] = PracticeManager.from_queryset(AttachmentQuerySet)()

    class Meta(SoftDeletable.Meta):
        verbose_name, verbose_name_plural = _("file"), _("files")
        indexes: ClassVar = [
            models.Index(fields=["patient", "id"], name="attachment_of_patient"),
            models.Index(fields=["practice", "size"], name="attachment_room"),
            models.Index(
                fields=["practice", "state", "id"],
                condition=~models.Q(state="ready"),
                name="attachment_unready",
            ),
            models.Index(fields=["practice", "id"], condition=models.Q(seen_at=None), name="attachment_unseen"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(state__in=FileState.values), name="attachment_state_known"),
            models.CheckConstraint(
                condition=models.Q(media_type__in=MediaType.values), name="attachment_media_type_known"
            ),
            models.CheckConstraint(
                condition=models.Q(category__in=FileCategory.values), name="attachment_category_known"
            ),
        ]

    def __str__(self) -> str:
        return f"File {str(self.pk)[-6:]}"

    @property
    def uploaded_by_name(self) -> str:
        """The name of the person who added the file."""
        return display_name(getattr(self, "uploaded_by", None))

    @property
    def seen_by_name(self) -> str:
        return display_name(self.seen_by) if self.seen_by_id else ""

    @property
    def is_picture(self) -> bool:
        return self.media_type in PICTURES
