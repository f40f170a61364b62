"""What a chart says of allergies: some, that there are none, or that nobody has asked."""

import re

from django.utils.translation import gettext_lazy as _

from core.choices import PublicTextChoices
from patients.models import Patient

NONE_KNOWN = "None known"  # stored as patients' data are, in no language of a page


class Allergies(PublicTextChoices):
    NOT_ASKED = "not_asked", _("not asked")
    NONE_KNOWN = "none_known", _("none known")
    KNOWN = "known", _("known")


# What people write who have asked and been told of none (NKA and NKDA: no known allergies, no known drug allergies)
_NONE = re.compile(
    r"(no|none|nil|nka|nkda|nkfa|(none|nil) (known|reported)|no (known )?((drug|food|medication) )?allerg(y|ies)"
    r"( known)?|denies (any )?allergies)",
)


def means_none_known(text: str) -> bool:
    return _NONE.fullmatch(" ".join(re.sub(r"[\W_]+", " ", text).casefold().split())) is not None


def allergies_of(chart: Patient) -> Allergies:
    """Tell an empty field, which nobody has asked about, from the answer that there are none."""
    if not chart.allergies.strip():
        return Allergies.NOT_ASKED
    return Allergies.NONE_KNOWN if means_none_known(chart.allergies) else Allergies.KNOWN
