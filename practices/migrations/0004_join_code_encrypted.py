from django.db import migrations, models

import core.encryption.fields
import practices.models
from core.encryption.blind_index import join_code_fingerprint

HELP = "A patient who registers gives this code to reach this practice."


def encrypt(apps, schema_editor):
    for practice in apps.get_model("practices", "Practice").objects.all():
        practice.join_code = practice.plain_code
        practice.join_code_index = join_code_fingerprint(practice.plain_code)
        practice.save(update_fields=["join_code", "join_code_index"])


def decrypt(apps, schema_editor):
    for practice in apps.get_model("practices", "Practice").objects.all():
        practice.plain_code = practice.join_code
        practice.save(update_fields=["plain_code"])


def encrypted(**options):
    return core.encryption.fields.EncryptedCharField(
        label="practice.join_code", max_length=8, editable=False, help_text=HELP, **options
    )


class Migration(migrations.Migration):
    """A practice's own join code, encrypted and found by its fingerprint: a dump reveals no live code."""

    dependencies = [("practices", "0003_two_factor_required")]

    operations = [
        migrations.RenameField("practice", "join_code", "plain_code"),
        migrations.AlterField("practice", "plain_code", models.CharField(max_length=8, null=True, unique=True)),
        migrations.AddField("practice", "join_code", encrypted(null=True)),
        migrations.AddField(
            "practice", "join_code_index", models.BinaryField(null=True, unique=True, editable=False, blank=True)
        ),
        migrations.RunPython(encrypt, decrypt),
        migrations.AlterField("practice", "join_code", encrypted(default=practices.models.new_join_code)),
        migrations.AlterField(
            "practice", "join_code_index", models.BinaryField(unique=True, editable=False, blank=True)
        ),
        migrations.RemoveField("practice", "plain_code"),
    ]
