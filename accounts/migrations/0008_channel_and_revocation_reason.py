"""LoginSession.door and .ending are `channel` and `revocation_reason` now; their columns stay as they are."""

from django.db import migrations, models

CHANNELS = [("api", "Web app"), ("bearer", "App"), ("admin_site", "Admin site")]
REASONS = [
    ("signed_out", "Signed out"),
    ("elsewhere", "Ended from another session"),
    ("by_admin", "Ended by an office manager"),
    ("reused", "An old refresh token was used again"),
    ("timed_out", "Timed out"),
    ("new_password", "New password"),
    ("new_factor", "New second factor"),
    ("new_role", "New role"),
    ("deactivated", "Deactivated"),
]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_login_session")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("loginsession", "session_ending_says_why_it_was_revoked"),
                migrations.RemoveConstraint("loginsession", "session_door_known"),
                migrations.RemoveConstraint("loginsession", "session_refresh_hash_is_a_bearers"),
                migrations.RenameField("loginsession", "door", "channel"),
                migrations.RenameField("loginsession", "ending", "revocation_reason"),
                migrations.AlterField(
                    "loginsession",
                    "channel",
                    models.CharField(choices=CHANNELS, db_column="door", default="api", max_length=10),
                ),
                migrations.AlterField(
                    "loginsession",
                    "revocation_reason",
                    models.CharField(blank=True, choices=REASONS, db_column="ending", max_length=12),
                ),
                migrations.AddConstraint(
                    "loginsession",
                    models.CheckConstraint(
                        condition=models.Q(revocation_reason="")
                        | models.Q(revocation_reason__in=[value for value, _ in REASONS], revoked_at__isnull=False),
                        name="session_ending_says_why_it_was_revoked",
                    ),
                ),
                migrations.AddConstraint(
                    "loginsession",
                    models.CheckConstraint(
                        condition=models.Q(channel__in=[value for value, _ in CHANNELS]), name="session_door_known"
                    ),
                ),
                migrations.AddConstraint(
                    "loginsession",
                    models.CheckConstraint(
                        condition=models.Q(refresh_hash=None) | models.Q(channel="bearer"),
                        name="session_refresh_hash_is_a_bearers",
                    ),
                ),
            ]
        )
    ]
