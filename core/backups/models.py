"""When backups were made, tried and restored. Who asks need not reach the place where they are."""

from enum import StrEnum
from typing import ClassVar

from django.db import models

from core.models import Model


class RunKind(StrEnum):
    BACKUP = "backup"
    DRILL = "drill"
    RESTORE = "restore"


class Run(Model):
    """A backup, a drill or a restore that has ended well or not. `name` is the backup's id."""

    audited = False

    kind = models.CharField(max_length=10)  # a RunKind
    name = models.CharField(max_length=40, blank=True)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    is_good = models.BooleanField()
    bytes_written = models.PositiveBigIntegerField(default=0)

    class Meta(Model.Meta):
        indexes: ClassVar = [models.Index(fields=["kind", "is_good", "ended_at"], name="backup_run_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
