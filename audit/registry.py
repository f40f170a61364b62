"""Which changes django-auditlog follows: every model that says `audited`, and of each the names of its fields alone."""

from auditlog.registry import auditlog
from django.apps import apps

# Follow from others, or are the same in every row of a change.
_FINGERPRINTS = {"search_index", "email_index", "code_index", "join_code_index"}
NOT_TOLD = {"id", "practice", "created_at", "updated_at", "session_epoch", "deletion"} | _FINGERPRINTS
PATIENT = "patient"  # the one field whose value the trail needs: a row that moves tells of both patients


def hide(value: str) -> str:
    """The mask of every value: no part of it is shown."""
    return "***"


def follow_models() -> None:
    for model in apps.get_models():
        if getattr(model, "audited", False):
            names = [field.name for field in model._meta.concrete_fields if field.name not in NOT_TOLD]
            hidden = [name for name in names if name != PATIENT]
            auditlog.register(
                model, include_fields=names, mask_fields=hidden, mask_callable=f"{__name__}.{hide.__name__}"
            )
