"""Restricted charts, and who broke the glass. Two accesses of one person to one chart never overlap, said by the
database: an exclusion constraint on PostgreSQL, two triggers on SQLite. A later change of this table on SQLite
rebuilds it without its triggers: such a migration must create them anew (tests/guards/test_constraints.py)."""

import core.encryption.fields
import django.db.models.deletion
import django.utils.timezone
import uuid_utils.compat
from django.conf import settings
from django.db import migrations, models

from core.tenancy.row_level_security import RowLevelSecurity
from core.database.vendor_sql import VendorSQL

OVERLAPS = """
    SELECT 1 FROM patients_emergencyaccess
    WHERE patient_id = NEW.patient_id AND opened_by_id = NEW.opened_by_id AND id <> NEW.id
      AND created_at < NEW.expires_at AND expires_at > NEW.created_at
"""
TRIGGER = """
CREATE TRIGGER emergency_overlap_{name} BEFORE {event} ON patients_emergencyaccess
WHEN EXISTS ({overlaps})
BEGIN SELECT RAISE(ABORT, 'emergency_overlap'); END;
"""



class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0002_search_index"),
        ("practices", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="patient",
            name="restricted",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(condition=models.Q(("restricted", True)), fields=["practice"], name="patient_restricted"),
        ),
        migrations.CreateModel(
            name="EmergencyAccess",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("reason", core.encryption.fields.EncryptedTextField(label="emergency.reason", max_length=2000)),
                ("expires_at", models.DateTimeField()),
                ("alerted_at", models.DateTimeField(null=True)),
                ("reviewed_at", models.DateTimeField(null=True)),
                (
                    "note",
                    core.encryption.fields.EncryptedTextField(blank=True, label="emergency.note", max_length=2000),
                ),
                (
                    "practice",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="practices.practice",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="patients.patient"
                    ),
                ),
                (
                    "opened_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "reviewed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "emergency access",
                "verbose_name_plural": "emergency accesses",
                "abstract": False,
                "indexes": [
                    models.Index(fields=["practice", "id"], name="emergency_page"),
                    models.Index(
                        condition=models.Q(("reviewed_at", None)), fields=["practice", "id"], name="emergency_waiting"
                    ),
                    models.Index(fields=["opened_by", "expires_at"], name="emergency_live"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("expires_at__gt", models.F("created_at"))),
                        name="emergency_ends_after_start",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reviewed_at", None), ("reviewed_by", None)),
                            models.Q(("reviewed_at__isnull", False), ("reviewed_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="emergency_review_is_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reviewed_by", None),
                            models.Q(("reviewed_by", models.F("opened_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="emergency_reviewed_by_somebody_else",
                    ),
                ],
            },
        ),
        RowLevelSecurity("EmergencyAccess"),
        VendorSQL(
            "postgresql",
            """
            CREATE EXTENSION IF NOT EXISTS btree_gist;
            ALTER TABLE patients_emergencyaccess ADD CONSTRAINT emergency_overlap
                EXCLUDE USING gist (
                    patient_id WITH =, opened_by_id WITH =, tstzrange(created_at, expires_at) WITH &&
                );
            """,
            "ALTER TABLE patients_emergencyaccess DROP CONSTRAINT emergency_overlap;",
        ),
        # a new column has no statistics, and the planner would take half of the charts for restricted until it has
        VendorSQL("postgresql", "ANALYZE patients_patient;", ""),
        VendorSQL(
            "sqlite",
            TRIGGER.format(name="insert", event="INSERT", overlaps=OVERLAPS)
            + TRIGGER.format(
                name="update", event="UPDATE OF patient_id, opened_by_id, created_at, expires_at", overlaps=OVERLAPS
            ),
            "DROP TRIGGER emergency_overlap_insert; DROP TRIGGER emergency_overlap_update;",
        ),
    ]
