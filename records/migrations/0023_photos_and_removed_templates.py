from typing import Any

from django.db import migrations, models
from django.db.models.functions import Coalesce, Lower

from core.database.vendor_sql import VendorSQL
from core.tenancy.scope import practice_scope

CATEGORIES = ["report", "imaging", "lab", "before", "after", "letter", "form", "other"]
NAME = "attachment_category_known"


def known(categories: list[str]) -> models.CheckConstraint:
    return models.CheckConstraint(condition=models.Q(("category__in", categories)), name=NAME)


def on_postgresql(categories: list[str]) -> str:
    """Rows from before have one of fewer categories, so that nobody waits until they are read through."""
    listed = ", ".join(f"'{category}'" for category in categories)
    return (
        f"ALTER TABLE records_attachment DROP CONSTRAINT {NAME}, "
        f"ADD CONSTRAINT {NAME} CHECK (category IN ({listed})) NOT VALID"
    )


def rebuild_on_sqlite(apps: Any, schema_editor: Any) -> None:
    """Make the table as the state has it."""
    if schema_editor.connection.vendor == "sqlite":
        file = apps.get_model("records", "Attachment")
        schema_editor.add_constraint(file, next(one for one in file._meta.constraints if one.name == NAME))


def leave_out_photos(apps: Any, schema_editor: Any) -> None:
    """On the way back: SQLite reads all rows when it makes the table anew."""
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute("UPDATE records_attachment SET category = 'other' WHERE category = 'portrait'")


# what is removed gives its name free
UNIQUE = [
    ("lettertemplate", "letter_template_name", Lower("name")),
    ("notetemplate", "note_template_name", Lower("name")),
    ("notetemplate", "note_template_of_type", models.F("appointment_type")),
    ("phrase", "phrase_word", Lower("word")),
]


def unique(name: str, of: Any) -> models.UniqueConstraint:
    owner = Coalesce("doctor", "practice", output_field=models.UUIDField())
    return models.UniqueConstraint(owner, of, condition=models.Q(("removed_at", None)), name=name)


def forget_removed(apps: Any, schema_editor: Any) -> None:
    """On the way back: they would come to life again, and their names may have been taken since."""
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id):
            for model in ("LetterTemplate", "NoteTemplate", "Phrase"):
                rows = apps.get_model("records", model).objects
                rows.filter(practice_id=practice_id, removed_at__isnull=False).delete()


class Migration(migrations.Migration):
    dependencies = [("records", "0022_versions_of_templates")]

    operations = [
        *(migrations.RemoveConstraint(model_name=model, name=name) for model, name, _of in UNIQUE),
        *(
            migrations.AddField(
                model_name=model,
                name="removed_at",
                field=models.DateTimeField(editable=False, null=True, verbose_name="removed at"),
            )
            for model in ("lettertemplate", "notetemplate", "phrase")
        ),
        *(migrations.AddConstraint(model_name=model, constraint=unique(name, of)) for model, name, of in UNIQUE),
        migrations.RunPython(migrations.RunPython.noop, forget_removed),
        migrations.RunPython(migrations.RunPython.noop, rebuild_on_sqlite),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint(model_name="attachment", name=NAME),
                migrations.AlterField(
                    model_name="attachment",
                    name="category",
                    field=models.CharField(
                        choices=[
                            ("report", "Report or referral"),
                            ("imaging", "X-ray, MRI or other imaging"),
                            ("lab", "Laboratory results"),
                            ("before", "Picture before"),
                            ("after", "Picture after"),
                            ("letter", "Letter or certificate"),
                            ("form", "Form or consent"),
                            ("portrait", "Photo of the patient"),
                            ("other", "Other"),
                        ],
                        default="other",
                        max_length=10,
                        verbose_name="category",
                    ),
                ),
                migrations.AddConstraint(
                    model_name="attachment", constraint=known([*CATEGORIES[:-1], "portrait", "other"])
                ),
            ],
        ),
        VendorSQL(
            "postgresql",
            on_postgresql([*CATEGORIES[:-1], "portrait", "other"]),
            # a photo is no reason for the way back to fail: NOT VALID asks of new rows alone
            on_postgresql(CATEGORIES),
        ),
        migrations.RunPython(rebuild_on_sqlite, leave_out_photos),
    ]
