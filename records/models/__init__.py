"""The clinical record: what doctors write, and the files with it."""

from records.models.attachment import Attachment as Attachment
from records.models.body_chart import BodyChart as BodyChart
from records.models.body_chart import BodyChartVersion as BodyChartVersion
from records.models.chart_entry import ChartEntry as ChartEntry
from records.models.chart_entry import ChartEntryVersion as ChartEntryVersion
from records.models.letter_template import LetterTemplate as LetterTemplate
from records.models.measure import Measure as Measure
from records.models.measure import MeasureVersion as MeasureVersion
from records.models.medical_record import MedicalRecord as MedicalRecord
from records.models.medical_record import RecordQuerySet as RecordQuerySet
from records.models.medical_record import RecordVersion as RecordVersion
from records.models.note import NoteVersion as NoteVersion
from records.models.note import SessionNote as SessionNote
from records.models.note_template import NoteTemplate as NoteTemplate
from records.models.note_template import Phrase as Phrase
from records.models.patient_form import FormCode as FormCode
from records.models.patient_form import FormForType as FormForType
from records.models.patient_form import FormTemplate as FormTemplate
from records.models.patient_form import FormVersion as FormVersion
from records.models.patient_form import PatientForm as PatientForm
from records.models.plan import Goal as Goal
from records.models.plan import GoalProgress as GoalProgress
from records.models.plan import PlannedAppointment as PlannedAppointment
from records.models.plan import PlanOfCare as PlanOfCare
from records.models.plan import PlanVersion as PlanVersion
from records.models.version import Version as Version
