"""The base of every table."""

from django.db import models
from django.utils import timezone
from uuid_utils.compat import uuid7


class Model(models.Model):
    """A UUIDv7 key, which sorts by time of creation, and two timestamps in UTC."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
