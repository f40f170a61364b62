"""Registers every model with `audited` at django-auditlog, which reports only the names of changed fields."""

from collections.abc import Callable

from auditlog.registry import auditlog
from django.apps import apps
from django.db.models.signals import post_save

# Derived from other fields.
_FINGERPRINTS = {"search_index", "email_index", "code_index", "join_code_index", "token_hash"}
UNLOGGED_FIELDS = {"id", "practice", "created_at", "updated_at", "session_epoch", "deletion"} | _FINGERPRINTS
PATIENT = "patient"  # the only value that is needed: a row that moves to another patient is about both


def hide(value: str) -> str:
    """Mask a value completely."""
    return "***"


def follow_models(*, record_new_row: Callable[..., None]) -> None:
    auditlog._signals[post_save] = record_new_row  # in place of its own
    for model in apps.get_models():
        if getattr(model, "audited", False):
            unlogged = UNLOGGED_FIELDS | getattr(model, "unlogged_fields", set())
            names = [field.name for field in model._meta.concrete_fields if field.name not in unlogged]
            masked = [name for name in names if name != PATIENT]
            auditlog.register(
                model, include_fields=names, mask_fields=masked, mask_callable=f"{__name__}.{hide.__name__}"
            )
