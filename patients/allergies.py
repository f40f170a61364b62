"""What a chart says of allergies: some, that there are none, or that nobody has asked."""

import re
from enum import StrEnum

from patients.models import Patient

NONE_KNOWN = "None known"  # stored as patients' data are, in no language of a page


class Allergies(StrEnum):
    NOT_ASKED = "not asked"
    NONE_KNOWN = "none known"
    KNOWN = "known"


# What people write who have asked and been told of none (NKA and NKDA: no known allergies, no known drug allergies)
_NONE = re.compile(
    r"(no|none|nil|nka|nkda|nkfa|(none|nil) (known|reported)|no (known )?((drug|food|medication) )?allerg(y|ies)"
    r"( known)?|denies (any )?allergies)",
)


def allergies_of(chart: Patient) -> Allergies:
    """Tell an empty field, which nobody has asked about, from the answer that there are none."""
    said = " ".join(re.sub(r"[\W_]+", " ", chart.allergies).casefold().split())
    if not chart.allergies.strip():
        return Allergies.NOT_ASKED
    return Allergies.NONE_KNOWN if _NONE.fullmatch(said) else Allergies.KNOWN
