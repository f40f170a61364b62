"""Whether the database can be reached at all, asked without the pool, which would retry for a while."""

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections


def why_unreachable(alias: str = "default") -> str | None:
    """Return one sentence that names the database and the reason, without the password; None if it answers."""
    probe = connections[alias].copy()
    probe.settings_dict["OPTIONS"].pop("pool", None)
    try:
        probe.ensure_connection()
    except (DatabaseError, ImproperlyConfigured) as error:
        place = probe.settings_dict
        where = f"{place['HOST']}:{place['PORT'] or 5432}/{place['NAME']}" if place["HOST"] else place["NAME"]
        lines = str(error).splitlines() or [type(error).__name__]
        reason = next((line for line in lines if "failed: " in line), lines[0]).rpartition("failed: ")[2].strip()
        return f"cannot open the database {where} (DATABASE_URL): {reason}"
    finally:
        probe.close()
    return None
