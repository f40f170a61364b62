"""A kind that is rare for a busy person, and the few events that were refused or failed, are found in an index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_seals_apart")]
    operations = [
        migrations.RemoveIndex("Event", name="event_of_user"),
        migrations.AddIndex(
            "Event", models.Index(fields=["practice_id", "user_id", "id", "kind"], name="event_of_user")
        ),
        migrations.AddIndex(
            "Event",
            models.Index(
                fields=["practice_id", "outcome", "id", "user_id", "kind"],
                name="event_not_done",
                condition=~models.Q(outcome="done"),
            ),
        ),
    ]
