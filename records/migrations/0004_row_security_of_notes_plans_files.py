from django.db import migrations

from core.tenancy.row_level_security import RowLevelSecurity

MODELS = [
    "RecordVersion",
    "PlanOfCare",
    "Goal",
    "GoalProgress",
    "PlannedAppointment",
    "PlanVersion",
    "SessionNote",
    "NoteVersion",
    "Attachment",
]


class Migration(migrations.Migration):
    dependencies = [("records", "0003_notes_plans_files")]

    operations = [RowLevelSecurity(model) for model in MODELS]
