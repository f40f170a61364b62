"""What unfold's templates say on our pages. The theme comes without a translation, so its texts stand in ours."""

from django.utils.translation import gettext_lazy as _

TEXTS = [
    _("Apply Filters"),
    _("Choose file to upload"),
    _("Click to download"),
    _("Dark"),
    _("Expand row"),
    _("Go back"),
    _("Light"),
    _("More actions"),
    _("Reset filters"),
    _("Run"),
    _("Select action"),
    _("Select action to run"),
    _("Select all rows"),
    _("Select record"),
    _("Select value"),
    _("System"),
    _("Toggle password visibility"),
    _("Type to search"),
]
