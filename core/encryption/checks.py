"""Deployment checks of the encryption keys (`manage.py check --deploy`)."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import DatabaseError

from core.encryption.keyring import get_keyring
from core.encryption.rotation import Rotation

MAX_AGE_DAYS = 90


@register(Tags.security, deploy=True)
def check_age(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    ring = get_keyring()
    made = getattr(ring.keys[ring.newest_id], "made", None)
    if made is None:
        return [
            checks.Warning(
                f"The age of key {ring.newest_id} of FIELD_ENCRYPTION_KEYS is unknown.",
                hint=f"Add the day it was made, such as {ring.newest_id}@2026-11-21:key, or rotate it.",
                id="praxis.W101",
            )
        ]
    days = (datetime.now(UTC).date() - made).days
    if days <= MAX_AGE_DAYS:
        return []
    return [
        checks.Warning(
            f"Key {ring.newest_id} of FIELD_ENCRYPTION_KEYS is {days} days old; rotate keys every {MAX_AGE_DAYS} days.",
            hint="Run: manage.py rotate_keys --new",
            id="praxis.W102",
        )
    ]


@register(Tags.security, deploy=True)
def check_retired(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Look for rows under a retired key. With one key in the ring no table is read."""
    ring = get_keyring()
    if len(ring.keys) == 1:
        return []
    try:
        is_needed = Rotation(ring).is_needed()
    except DatabaseError:  # no database where the check runs, or no tables yet
        return [checks.Info("Could not check for rows under a retired key: no database.", id="praxis.I101")]
    if not is_needed:
        return []
    return [
        checks.Warning(
            f"Rows are still encrypted under a retired key, not under key {ring.newest_id}.",
            hint="Run: manage.py rotate_keys",
            id="praxis.W103",
        )
    ]


@register(Tags.security, deploy=True)
def check_file(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Warn of a key file that others can read, unless Docker or Kubernetes mounts it read-only into a container."""
    path: Path | None = settings.FIELD_ENCRYPTION_KEYS_FILE
    if path is None or not path.stat().st_mode & 0o004 or os.statvfs(path).f_flag & os.ST_RDONLY:
        return []
    return [
        checks.Warning(
            f"FIELD_ENCRYPTION_KEYS_FILE can be read by every user of this machine ({path}).",
            hint=f"chmod 600 {path}",
            id="praxis.W104",
        )
    ]
