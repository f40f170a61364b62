"""Row-level security of merges, and which of the existing charts are incomplete."""

from django.db import migrations

from core.encryption.fields import unreadable_marked
from core.tenancy.row_level_security import RowLevelSecurity
from core.tenancy.scope import practice_scope

WANTED = ("email", "phone", "date_of_birth", "gender", "address")
BATCH = 5000


def mark_incomplete(apps, schema_editor):
    charts = apps.get_model("patients", "Patient").objects
    for practice_id in apps.get_model("practices", "Practice").objects.values_list("pk", flat=True):
        with practice_scope(practice_id), unreadable_marked():
            keys = list(charts.filter(practice_id=practice_id).order_by("pk").values_list("pk", flat=True))
            for start in range(0, len(keys), BATCH):
                rows = charts.filter(pk__in=keys[start : start + BATCH]).only(*WANTED)
                lacking = [row.pk for row in rows if not all(getattr(row, name) for name in WANTED)]
                charts.filter(pk__in=lacking).update(incomplete=True)


class Migration(migrations.Migration):
    dependencies = [("patients", "0011_versions_and_merges")]

    operations = [
        RowLevelSecurity("ChartMerge"),
        migrations.RunPython(mark_incomplete, migrations.RunPython.noop),
    ]
