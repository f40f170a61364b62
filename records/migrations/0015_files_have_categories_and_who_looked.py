import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("records", "0014_row_security_of_chart_entries"),
    ]

    operations = [
        migrations.AddField(
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
                    ("other", "Other"),
                ],
                default="other",
                max_length=10,
                verbose_name="category",
            ),
        ),
        # Files from before are nobody's to look at: they get the time of this migration, through the column's default,
        # since row-level security hides the rows from an update.
        migrations.AddField(
            model_name="attachment",
            name="seen_at",
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="attachment",
            name="seen_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="attachment",
            name="seen_by",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="attachment",
            index=models.Index(
                condition=models.Q(("seen_at", None)), fields=["practice", "id"], name="attachment_unseen"
            ),
        ),
        migrations.AddConstraint(
            model_name="attachment",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("category__in", ["report", "imaging", "lab", "before", "after", "letter", "form", "other"])
                ),
                name="attachment_category_known",
            ),
        ),
    ]
