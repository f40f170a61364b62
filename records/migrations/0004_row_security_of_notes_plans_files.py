from django.db import migrations

from core.row_security import RowSecurity

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

    operations = [RowSecurity(model) for model in MODELS]
