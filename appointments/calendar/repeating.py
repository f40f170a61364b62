"""The visits of a series before it is booked, in the panel's words."""

from typing import Any
from zoneinfo import ZoneInfo

from appointments.calendar.page import local_time
from appointments.series.services import Occurrence


def described(found: list[Occurrence], zone: ZoneInfo) -> dict[str, Any]:
    conflicts = sum(one.conflict is not None for one in found)
    return {
        "occurrences": [
            {
                "when": local_time(one.starts_at, zone),
                "conflict": one.conflict,
                "warnings": [str(warning) for warning in one.warnings],
            }
            for one in found
        ],
        "conflicts": conflicts,
        "bookable": len(found) - conflicts,
    }


def refused(occurrences: list[dict[str, Any]], zone: ZoneInfo) -> list[str]:
    """Return `Mon, Jan 14, 9:00 AM: The room is taken at this time.` for each of the refusal's visits."""
    return [f"{local_time(one['date'], zone)}: {one['conflict']}" for one in occurrences if one["conflict"]]
