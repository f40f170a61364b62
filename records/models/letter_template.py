"""What letters and certificates are begun with."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from core.encryption.fields import EncryptedTextField
from core.texts import validate_line
from records.models.note_template import NOT_REMOVED, WritingAid, _owner

MAX_LETTER_LENGTH = 10_000


class LetterTemplate(WritingAid):
    """`text` has fields in braces, `{patient}`, which are filled in for a chart (records/letters/fields.py); what
    stands in double brackets, `[[Reason]]`, somebody fills in by hand before the letter is signed. `title` is
    printed."""

    name = models.CharField(_("name"), max_length=100, validators=[validate_line])
    title = models.CharField(_("title"), max_length=200, validators=[validate_line])
    text = EncryptedTextField(_("text"), label="letter_template.text", max_length=MAX_LETTER_LENGTH)

    class Meta(WritingAid.Meta):
        verbose_name, verbose_name_plural = _("letter template"), _("letter templates")
        ordering: ClassVar = ["name", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(_owner(), Lower("name"), condition=NOT_REMOVED, name="letter_template_name")
        ]

    def __str__(self) -> str:
        return self.name
