from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity


class Migration(migrations.Migration):
    dependencies = [("records", "0011_note_templates")]

    operations = [RowLevelSecurity("NoteTemplate"), RowLevelSecurity("Phrase")]
