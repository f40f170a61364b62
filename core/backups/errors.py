"""What goes wrong with backups. The messages are sentences for whoever runs Praxis."""


class BackupError(Exception):
    """The backup was not made, or not restored; an earlier one is as good as before."""


class Busy(BackupError):
    """Another process is working on the same backups."""


class Damaged(BackupError):
    """Something in a backup is not what was written."""
