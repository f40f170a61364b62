"""The regions of the body that can be marked, and where they are in the drawing: two figures of 200 by 430 units, seen
from the front and from the back. Sides are the patient's own, so they change places between the two."""

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

WIDTH, HEIGHT = 200, 430
FRONT, BACK = "front", "back"
VIEWS: dict[str, str | Promise] = {
    FRONT: pgettext_lazy("side of the body", "Front"),
    BACK: pgettext_lazy("side of the body", "Back"),  # not the way back
}
SIDES: dict[str, str | Promise] = {"left": _("left"), "right": _("right")}


class Shape(NamedTuple):
    x: float
    y: float
    width: float
    height: float
    radius: float


class Region(NamedTuple):
    key: str
    view: str
    label: str | Promise
    side: str
    shape: Shape

    @property
    def name(self) -> str:
        """Return `Knee, right`, as it is said within its view."""
        return f"{self.label}, {SIDES[self.side]}" if self.side else str(self.label)

    @property
    def full_name(self) -> str:
        """Return `Knee, right (front)`."""
        return gettext("%(region)s (%(view)s)") % {"region": self.name, "view": str(VIEWS[self.view]).lower()}


CENTRAL = {
    FRONT: {
        "head": (_("Head"), Shape(78, 6, 44, 52, 22)),
        "neck": (_("Neck"), Shape(88, 58, 24, 18, 6)),
        "chest": (_("Chest"), Shape(70, 78, 60, 52, 12)),
        "abdomen": (_("Abdomen"), Shape(72, 132, 56, 46, 10)),
        "pelvis": (_("Pelvis"), Shape(84, 180, 32, 32, 8)),
    },
    BACK: {
        "head": (_("Head"), Shape(78, 6, 44, 52, 22)),
        "neck": (_("Neck"), Shape(88, 58, 24, 18, 6)),
        "upper_back": (_("Upper back"), Shape(70, 78, 60, 36, 12)),
        "middle_back": (_("Middle back"), Shape(72, 116, 56, 30, 8)),
        "lower_back": (_("Lower back"), Shape(72, 148, 56, 30, 8)),
        "sacrum": (_("Sacrum"), Shape(86, 180, 28, 22, 8)),
    },
}
# Of the half that is on the left of the drawing.
PAIRED = {
    "shoulder": (_("Shoulder"), Shape(42, 76, 26, 28, 12)),
    "upper_arm": (_("Upper arm"), Shape(38, 106, 22, 44, 10)),
    "elbow": (_("Elbow"), Shape(36, 152, 22, 20, 8)),
    "forearm": (_("Forearm"), Shape(32, 174, 20, 44, 9)),
    "hand": (_("Wrist and hand"), Shape(26, 220, 22, 32, 9)),
    "knee": (_("Knee"), Shape(70, 284, 26, 26, 10)),
    "foot": (_("Ankle and foot"), Shape(66, 384, 28, 34, 10)),
}
PAIRED_OF = {
    FRONT: {
        "hip": (_("Hip"), Shape(62, 180, 20, 36, 8)),
        "thigh": (pgettext_lazy("part of the leg", "Thigh"), Shape(66, 218, 32, 64, 12)),
        "shin": (_("Lower leg"), Shape(70, 312, 25, 70, 10)),
    },
    BACK: {
        "buttock": (_("Buttock"), Shape(62, 180, 22, 36, 10)),
        "thigh": (pgettext_lazy("part of the leg", "Thigh"), Shape(66, 218, 32, 64, 12)),
        "calf": (_("Calf"), Shape(70, 312, 25, 70, 12)),
    },
}


def _regions() -> dict[str, Region]:
    found = []
    for view in VIEWS:
        for part, (label, shape) in CENTRAL[view].items():
            found.append(Region(f"{view}.{part}", view, label, "", shape))
        on_the_left, on_the_right = ("right", "left") if view == FRONT else ("left", "right")
        for part, (label, shape) in {**PAIRED, **PAIRED_OF[view]}.items():
            mirrored = shape._replace(x=WIDTH - shape.x - shape.width)
            found.append(Region(f"{view}.{on_the_left}.{part}", view, label, on_the_left, shape))
            found.append(Region(f"{view}.{on_the_right}.{part}", view, label, on_the_right, mirrored))
    return {region.key: region for region in found}


REGIONS = _regions()
