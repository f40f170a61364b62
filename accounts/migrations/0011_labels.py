"""Names of fields that people read: nothing changes in the database."""

import core.encryption.fields
import core.texts
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0010_text_validators'),
        ('practices', '0008_labels'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='joincode',
            options={'default_manager_name': 'objects', 'verbose_name': 'join code', 'verbose_name_plural': 'join codes'},
        ),
        migrations.AlterField(
            model_name='joincode',
            name='doctor',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='doctor'),
        ),
        migrations.AlterField(
            model_name='joincode',
            name='expires_at',
            field=models.DateTimeField(null=True, verbose_name='expires at'),
        ),
        migrations.AlterField(
            model_name='joincode',
            name='made_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='created by'),
        ),
        migrations.AlterField(
            model_name='joincode',
            name='most_uses',
            field=models.PositiveIntegerField(help_text='Leave blank for unlimited uses.', null=True, verbose_name='maximum uses'),
        ),
        migrations.AlterField(
            model_name='joincode',
            name='office',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.office', verbose_name='office'),
        ),
        migrations.AlterField(
            model_name='joincode',
            name='uses',
            field=models.PositiveIntegerField(default=0, verbose_name='uses'),
        ),
        migrations.AlterField(
            model_name='joincode',
            name='withdrawn_at',
            field=models.DateTimeField(null=True, verbose_name='withdrawn at'),
        ),
        migrations.AlterField(
            model_name='loginsession',
            name='revocation_reason',
            field=models.CharField(blank=True, choices=[('signed_out', 'Signed out'), ('elsewhere', 'Signed out from another session'), ('by_admin', 'Signed out by an office manager'), ('reused', 'An old session token was used again'), ('timed_out', 'Timed out'), ('new_password', 'New password'), ('new_factor', 'New two-step verification method'), ('new_role', 'New role'), ('deactivated', 'Deactivated')], db_column='ending', max_length=12),
        ),
        migrations.AlterField(
            model_name='user',
            name='department',
            field=models.CharField(blank=True, help_text='Staff only.', max_length=120, validators=[core.texts.validate_line], verbose_name='department'),
        ),
        migrations.AlterField(
            model_name='user',
            name='email',
            field=core.encryption.fields.EncryptedEmailField(label='user.email', max_length=254, verbose_name='email'),
        ),
        migrations.AlterField(
            model_name='user',
            name='is_superuser',
            field=models.BooleanField(default=False, editable=False, verbose_name='superuser'),
        ),
        migrations.AlterField(
            model_name='user',
            name='name',
            field=core.encryption.fields.EncryptedCharField(label='user.name', max_length=200, validators=[core.texts.validate_name], verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='user',
            name='office',
            field=models.ForeignKey(blank=True, help_text='Primary office.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practices.office', verbose_name='office'),
        ),
        migrations.AlterField(
            model_name='user',
            name='phone',
            field=core.encryption.fields.EncryptedCharField(blank=True, label='user.phone', max_length=40, validators=[core.texts.validate_phone], verbose_name='phone'),
        ),
        migrations.AlterField(
            model_name='user',
            name='role',
            field=models.CharField(choices=[('admin', 'Office manager'), ('doctor', 'Doctor'), ('staff', 'Staff'), ('billing', 'Billing administrator'), ('patient', 'Patient')], max_length=10, verbose_name='role'),
        ),
        migrations.AlterField(
            model_name='user',
            name='specialization',
            field=models.CharField(blank=True, help_text='Doctors only.', max_length=120, validators=[core.texts.validate_line], verbose_name='specialization'),
        ),
    ]
