"""Templates and phrases for notes: those of the practice, which whoever may keep them changes, and each doctor's own,
which nobody else sees."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from appointments.models import AppointmentType
from audit import context
from core.errors import Conflict, Invalid
from core.permissions import Permission
from records.models import NoteTemplate, Phrase, SessionNote
from records.models.note_template import WritingAid

TAKEN = {
    "note_template_name": _("There is already a template with this name. Choose another name."),
    "note_template_of_type": _(
        "Another template is used for this appointment type already. Take the type from it first."
    ),
    "letter_template_name": _("There is already a letter template with this name. Choose another name."),
    "phrase_word": _("There is already a phrase for this word. Choose another word."),
}
OWN_ARE_DOCTORS = _("Only those who write notes can keep their own.")

Aid = TypeVar("Aid", bound=WritingAid)


@contextmanager
def _saving(by: User) -> Iterator[None]:
    try:
        with transaction.atomic(), context.done_by(by):
            yield
    except IntegrityError as error:
        for name, sentence in TAKEN.items():
            if name in str(error):
                raise Conflict(sentence) from error
        raise


def create_aid(model: type[Aid], *, by: User, shared: bool | None = None, **fields: Any) -> Aid:
    """Create a template or phrase: the practice's if `shared`, else one's own. Raises Invalid for one's own by somebody
    who writes no notes, NotFound for an unknown appointment type, and Conflict for a name or word that is taken."""
    writes = by.can(Permission.WRITE_RECORDS)
    if shared is None:
        shared = not writes
    if not shared and not writes:
        raise Invalid("shared", OWN_ARE_DOCTORS)
    with _saving(by):
        aid = model(doctor=None if shared else by)
        _write(aid, fields)
        aid.save()
    return aid


def change_aid(model: type[Aid], *, by: User, pk: UUID, expected: int | None = None, **changes: Any) -> Aid:
    """Change the given fields. `expected` is the version that the caller has read. Raises NotFound, StaleVersion, and
    Conflict like create_aid."""
    with _saving(by):
        aid: Aid = model.objects.visible_to(by).select_for_update().get_or_refuse(pk=pk)
        aid.check_version(expected)
        _write(aid, changes)
        if changes:
            aid.save()
    return aid


def remove_aid(model: type[Aid], *, by: User, pk: UUID) -> Aid:
    """Remove it, and return what it was; notes that were begun with it stay as they are. Raises NotFound."""
    with transaction.atomic(), context.done_by(by):
        removed: Aid = model.objects.visible_to(by).select_for_update().get_or_refuse(pk=pk)
        removed.removed_at = timezone.now()
        removed.save()
        return removed


def put_back_aid(model: type[Aid], *, by: User, pk: UUID) -> Aid:
    """Take the removal back. Raises NotFound, and Conflict if its name or word is taken by now."""
    with _saving(by):
        aid: Aid = model.with_removed.visible_to(by).select_for_update().get_or_refuse(pk=pk)
        aid.removed_at = None
        aid.save()
    return aid


def _write(aid: WritingAid, fields: Mapping[str, Any]) -> None:
    kind = fields.get("appointment_type_id")
    if kind is not None and kind != getattr(aid, "appointment_type_id", None):
        AppointmentType.objects.get_or_refuse(pk=kind)
    for name, value in fields.items():
        setattr(aid, name, value)


@transaction.atomic
def import_aids(*, by: User, shared: bool, templates: Iterable[Any], phrases: Iterable[Any]) -> int:
    """Add what another practice or doctor exported, and return how many; what has the name of one that is here already
    replaces it. Which appointment types a template is for does not come along. Raises Invalid like create_aid."""
    count = 0
    for model, key, rows in ((NoteTemplate, "name", templates), (Phrase, "word", phrases)):
        for fields in rows:
            same = model.objects.filter(doctor=None if shared else by, **{f"{key}__iexact": fields[key]}).first()
            if same:
                change_aid(model, by=by, pk=same.pk, **fields)
            else:
                create_aid(model, by=by, shared=shared, **fields)
            count += 1
    return count


def template_for(note: SessionNote, templates: Iterable[NoteTemplate]) -> NoteTemplate | None:
    """Return the template that a note begins with: by the type of its visit, the doctor's own before the practice's."""
    kind = note.appointment.type_id if note.appointment else None
    found = [each for each in templates if kind is not None and each.appointment_type_id == kind]
    return min(found, key=lambda each: each.is_shared, default=None)
