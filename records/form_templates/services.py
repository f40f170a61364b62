"""The practice's forms and consents. A changed form is a new version; what was signed before stays as it was."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from appointments.models import AppointmentType
from audit import context
from core.errors import CHANGED_MEANWHILE, StaleVersion
from records.form_templates.content import checked_questions
from records.form_templates.serializers import FormTemplateShape
from records.models import FormForType, FormTemplate, FormVersion, PatientForm
from records.models.patient_form import FormNeed, FormState


@transaction.atomic
def create_template(
    *,
    by: User,
    name: str,
    questions: Iterable[Mapping[str, Any]],
    intro: str = "",
    need: str = FormNeed.OPTIONAL,
    type_ids: Iterable[UUID] = (),
) -> FormTemplate:
    """Add a form. Raises Invalid for questions that can't be, and NotFound for an unknown type of visit."""
    content = {"name": name, "intro": _lines(intro), "questions": checked_questions(questions)}
    with context.done_by(by):
        template = FormTemplate(name=name, need=need)
        template.save()
        FormVersion(template=template, number=1, author=by, content=content).save()
        _set_types(template, type_ids)
    return template


@transaction.atomic
def change_template(
    *, by: User, template_id: UUID, expected: int, sign_again: bool = False, **changes: Any
) -> FormTemplate:
    """Change the given fields: `name`, `intro`, `questions`, `need`, `type_ids`, `archived`. Other words make a new
    version, which those who were asked already get to see; with `sign_again`, earlier ones no longer count.

    Raises NotFound, StaleVersion for another version than the newest, and Invalid as `create_template` does."""
    template: FormTemplate = FormTemplate.objects.select_for_update().get_or_refuse(pk=template_id)
    if template.number != expected:
        raise StaleVersion(CHANGED_MEANWHILE, current=FormTemplateShape.to_dict(template))
    with context.done_by(by):
        _write_version(template, by, changes)
        if sign_again:
            template.valid_from = template.number
        if "need" in changes:
            template.need = changes["need"]
        if "archived" in changes and changes["archived"] != (template.archived_at is not None):
            template.archived_at = timezone.now() if changes["archived"] else None
        template.save()
        if "type_ids" in changes:
            _set_types(template, changes["type_ids"])
    return template


def newest_version(template: FormTemplate) -> FormVersion:
    found: FormVersion = FormVersion.objects.get(template=template, number=template.number)
    return found


def _write_version(template: FormTemplate, by: User, changes: Mapping[str, Any]) -> None:
    before = newest_version(template).content
    content = dict(before)
    if "name" in changes:
        content["name"] = template.name = changes["name"]
    if "intro" in changes:
        content["intro"] = _lines(changes["intro"])
    if "questions" in changes:
        content["questions"] = checked_questions(changes["questions"])
    if content == before:
        return
    template.number += 1
    version = FormVersion(template=template, number=template.number, author=by, content=content)
    version.save()
    PatientForm.objects.filter(template=template, state=FormState.ASKED).update(version=version)


def _set_types(template: FormTemplate, type_ids: Iterable[UUID]) -> None:
    wanted = set(type_ids)
    for type_id in wanted:
        AppointmentType.objects.get_or_refuse(pk=type_id)
    there = {row.appointment_type_id: row for row in FormForType.objects.filter(template=template)}
    for type_id, row in there.items():
        if type_id not in wanted:
            row.delete()
    for type_id in sorted(wanted - there.keys()):
        FormForType(template=template, appointment_type_id=type_id).save()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
