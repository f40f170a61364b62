"""Every model that the admin site shows; Django looks for it under this name."""

from django.contrib import admin

from accounts.models import JoinCode, User
from appointments.models import Appointment
from dashboard.admin_calendar import AppointmentAdmin
from dashboard.admin_charts import PatientAdmin
from dashboard.admin_deleted import DeletionAdmin
from dashboard.admin_emergencies import EmergencyAccessAdmin
from dashboard.admin_files import FileAdmin
from dashboard.admin_join_codes import JoinCodeAdmin
from dashboard.admin_notes import NoteAdmin
from dashboard.admin_people import PersonAdmin
from dashboard.admin_plans import PlanAdmin
from dashboard.admin_practice import OfficeAdmin, PracticeAdmin
from dashboard.admin_records import RecordAdmin
from patients.models import Deletion, EmergencyAccess, Patient
from practices.models import Office, Practice
from records.models import Attachment, MedicalRecord, PlanOfCare, SessionNote

admin.site.register(Patient, PatientAdmin)
admin.site.register(Appointment, AppointmentAdmin)
admin.site.register(MedicalRecord, RecordAdmin)
admin.site.register(SessionNote, NoteAdmin)
admin.site.register(PlanOfCare, PlanAdmin)
admin.site.register(Attachment, FileAdmin)
admin.site.register(EmergencyAccess, EmergencyAccessAdmin)
admin.site.register(Deletion, DeletionAdmin)
admin.site.register(User, PersonAdmin)
admin.site.register(JoinCode, JoinCodeAdmin)
admin.site.register(Practice, PracticeAdmin)
admin.site.register(Office, OfficeAdmin)
