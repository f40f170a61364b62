"""What the worker does for whoever runs Praxis."""

from datetime import time, timedelta

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from core.backups.errors import BackupError, Busy
from core.backups.making import Backup
from core.backups.pruning import RetentionPolicy
from core.backups.targets import target_at
from notifications.jobs import Again, GiveUp, scheduled, stopping


@scheduled(
    "backup.daily", _("Make the daily backup"), daily_at=time(0, 40), max_attempts=4, first_delay=timedelta(minutes=10)
)
def back_up() -> None:
    """Back up to BACKUP_TARGET, if that is set, as `manage.py backup` does, and remove what is old."""
    if not settings.BACKUP_TARGET:
        return
    try:
        Backup(target_at(settings.BACKUP_TARGET), stopping=_stop_if_requested).run(
            RetentionPolicy(*settings.BACKUP_KEEP)
        )
    except Busy as error:
        raise Again("Another backup or a drill is running.", after=timedelta(hours=1)) from error
    except BackupError as error:
        raise GiveUp("The backup was not made: manage.py backup says why.") from error


def _stop_if_requested() -> None:
    if stopping():
        raise Again("The worker was told to stop.", after=timedelta(minutes=1))
