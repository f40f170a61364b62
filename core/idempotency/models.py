"""Requests that carried an Idempotency-Key, and what was answered."""

from typing import ClassVar

from django.db import models

from core.encryption.fields import EncryptedCharField, EncryptedJsonField
from core.tenancy.models import PracticeModel


class KeptAnswer(PracticeModel):
    """The answer to a person's request with this key, for whoever sends it again. Until the answer is there
    (`is_done`), the request is being processed since `began_at`, or its process has died."""

    audited = False

    user_id = models.UUIDField()
    key_hash = models.CharField(max_length=64)
    request = EncryptedCharField(label="kept_answer.request", max_length=64)  # a hash of what was asked
    answer = EncryptedJsonField(label="kept_answer.answer", default=dict)
    is_done = models.BooleanField(default=False)
    began_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta(PracticeModel.Meta):
        indexes: ClassVar = [models.Index(fields=["practice", "expires_at"], name="kept_answer_expiry")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "user_id", "key_hash"], name="kept_answer_of_key")
        ]

    def __str__(self) -> str:
        return f"Kept answer {str(self.pk)[-6:]}"
