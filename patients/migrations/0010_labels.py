"""Names of fields that people read: nothing changes in the database."""


import core.encryption.fields
import core.texts
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('patients', '0009_incomplete_people'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='deletion',
            options={'verbose_name': 'deletion', 'verbose_name_plural': 'deletions'},
        ),
        migrations.AlterModelOptions(
            name='patient',
            options={'verbose_name': 'patient', 'verbose_name_plural': 'patients'},
        ),
        migrations.AlterField(
            model_name='emergencyaccess',
            name='expires_at',
            field=models.DateTimeField(verbose_name='expires at'),
        ),
        migrations.AlterField(
            model_name='emergencyaccess',
            name='note',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='emergency.note', max_length=2000, verbose_name='note'),
        ),
        migrations.AlterField(
            model_name='emergencyaccess',
            name='reason',
            field=core.encryption.fields.EncryptedTextField(label='emergency.reason', max_length=2000, verbose_name='reason'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='address',
            field=core.encryption.fields.EncryptedCharField(blank=True, label='patient.address', max_length=500, verbose_name='address'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='allergies',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='patient.allergies', max_length=5000, verbose_name='allergies'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='blood_type',
            field=core.encryption.fields.EncryptedCharField(blank=True, label='patient.blood_type', max_length=20, validators=[core.texts.validate_line], verbose_name='blood type'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='date_of_birth',
            field=core.encryption.fields.EncryptedDateField(blank=True, label='patient.date_of_birth', null=True, verbose_name='date of birth'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='email',
            field=core.encryption.fields.EncryptedEmailField(blank=True, label='patient.email', max_length=254, verbose_name='email'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='emergency_contact',
            field=core.encryption.fields.EncryptedCharField(blank=True, label='patient.emergency_contact', max_length=300, verbose_name='emergency contact'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='gender',
            field=models.CharField(blank=True, choices=[('male', 'Male'), ('female', 'Female'), ('other', 'Other')], max_length=6, verbose_name='gender'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='medical_history',
            field=core.encryption.fields.EncryptedTextField(blank=True, label='patient.medical_history', max_length=20000, verbose_name='medical history'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='merged_into',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='patients.patient', verbose_name='merged into'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='name',
            field=core.encryption.fields.EncryptedCharField(label='patient.name', max_length=200, validators=[core.texts.validate_name], verbose_name='name'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='phone',
            field=core.encryption.fields.EncryptedCharField(blank=True, label='patient.phone', max_length=40, validators=[core.texts.validate_phone], verbose_name='phone'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='primary_doctor',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='primary doctor'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='restricted',
            field=models.BooleanField(default=False, editable=False, verbose_name='restricted'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='status',
            field=models.CharField(choices=[('pending', 'Waiting to be confirmed'), ('confirmed', 'Confirmed'), ('declined', 'Declined'), ('merged', 'Merged into another chart')], default='confirmed', editable=False, max_length=10, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='patient',
            name='user',
            field=models.OneToOneField(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='chart', to=settings.AUTH_USER_MODEL, verbose_name='account'),
        ),
    ]
