"""What `manage.py check --deploy` says of the keys."""

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

MOST_DAYS = 90


@register(Tags.security, deploy=True)
def check_age(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    ring = get_keyring()
    made = getattr(ring.keys[ring.newest_id], "made", None)
    if made is None:
        return [
            checks.Warning(
                f"Nobody can tell how old key {ring.newest_id} of FIELD_ENCRYPTION_KEYS is.",
                hint=f"Write the day it was made into the ring, {ring.newest_id}@2026-11-21:key, or rotate it.",
                id="praxis.W101",
            )
        ]
    days = (datetime.now(UTC).date() - made).days
    if days <= MOST_DAYS:
        return []
    return [
        checks.Warning(
            f"Key {ring.newest_id} of FIELD_ENCRYPTION_KEYS is {days} days old, more than {MOST_DAYS}.",
            hint="Turn it over with: manage.py rotate_keys --new",
            id="praxis.W102",
        )
    ]


@register(Tags.security, deploy=True)
def check_retired(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """Costs nothing with one key in the ring; with more, a look at each table until the first such row."""
    ring = get_keyring()
    if len(ring.keys) == 1:
        return []
    try:
        is_needed = Rotation(ring).is_needed()
    except DatabaseError:  # there is none where the check runs, or it has no tables yet
        return [checks.Info("Whether rows are under a retired key could not be asked: no database.", id="praxis.I101")]
    if not is_needed:
        return []
    return [
        checks.Warning(
            f"Rows are still encrypted under a retired key, not under key {ring.newest_id}.",
            hint="Move them with: manage.py rotate_keys",
            id="praxis.W103",
        )
    ]


@register(Tags.security, deploy=True)
def check_file(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """A secret that Docker or Kubernetes mounts read-only is for everybody in its container to read, and may be."""
    path: Path | None = settings.FIELD_ENCRYPTION_KEYS_FILE
    if path is None or not path.stat().st_mode & 0o004 or os.statvfs(path).f_flag & os.ST_RDONLY:
        return []
    return [
        checks.Warning(
            f"FIELD_ENCRYPTION_KEYS_FILE is for everybody on this machine to read ({path}).",
            hint=f"chmod 600 {path}",
            id="praxis.W104",
        )
    ]
