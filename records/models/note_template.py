"""What notes are begun with: templates, and phrases that a word stands for."""

from typing import Any, ClassVar, Self

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType
from core.encryption.fields import EncryptedJsonField, EncryptedTextField
from core.tenancy.managers import PracticeManager, PracticeQuerySet
from core.tenancy.versioned import VersionedModel
from core.texts import validate_line

MAX_PHRASE_LENGTH = 2000
validate_word = RegexValidator(r"\A[\w-]+\Z", _("Use letters, digits and hyphens, without spaces."))


class OwnedQuerySet(PracticeQuerySet):
    def visible_to(self, user: User) -> Self:
        """Return the practice's and the user's own."""
        return self.filter(Q(doctor=None) | Q(doctor=user))


class OwnedManager(PracticeManager.from_queryset(OwnedQuerySet)):  # type: ignore[misc]
    """Leaves out what was removed."""

    def base_queryset(self) -> PracticeQuerySet:
        kept: PracticeQuerySet = super().base_queryset().filter(removed_at=None)
        return kept


class WritingAid(VersionedModel):
    """Belongs to a doctor, or without one to the practice. What was removed gives its name free, and can come back."""

    doctor = models.ForeignKey(
        User, verbose_name=_("doctor"), null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )

    removed_at = models.DateTimeField(_("removed at"), null=True, editable=False)

    objects: ClassVar[OwnedManager] = OwnedManager()
    with_removed: ClassVar[Any] = PracticeManager.from_queryset(OwnedQuerySet)()

    class Meta(VersionedModel.Meta):
        abstract = True

    @property
    def is_shared(self) -> bool:
        return self.doctor_id is None


NOT_REMOVED = Q(removed_at=None)


def _owner() -> Coalesce:
    return Coalesce("doctor", "practice", output_field=models.UUIDField())


class NoteTemplate(WritingAid):
    """`texts` are what the sections of a note are begun with, `prompts` what an empty section asks for, both by the
    section's name. With an appointment type, a note of such a visit begins with it."""

    name = models.CharField(_("name"), max_length=100, validators=[validate_line])
    texts = EncryptedJsonField(_("texts"), label="note_template.texts")
    prompts = EncryptedJsonField(_("prompts"), label="note_template.prompts")
    appointment_type = models.ForeignKey(
        AppointmentType,
        verbose_name=_("appointment type"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )

    class Meta(WritingAid.Meta):
        verbose_name, verbose_name_plural = _("note template"), _("note templates")
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(_owner(), Lower("name"), condition=NOT_REMOVED, name="note_template_name"),
            models.UniqueConstraint(_owner(), "appointment_type", condition=NOT_REMOVED, name="note_template_of_type"),
        ]

    def __str__(self) -> str:
        return self.name


class Phrase(WritingAid):
    """A text that a word after a slash stands for: `/nka` for "No known allergies"."""

    word = models.CharField(_("word"), max_length=30, validators=[validate_word])
    text = EncryptedTextField(_("text"), label="phrase.text", max_length=MAX_PHRASE_LENGTH)

    class Meta(WritingAid.Meta):
        verbose_name, verbose_name_plural = _("phrase"), _("phrases")
        ordering: ClassVar = ["word", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(_owner(), Lower("word"), condition=NOT_REMOVED, name="phrase_word")
        ]

    def __str__(self) -> str:
        return self.word
