"""The page that prints a prescription."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from audit.events import AuditEvent
from core.pages import WorkPage
from core.permissions import Permission
from records.medical_records.pdf import prescription_pdf
from records.models import MedicalRecord
from records.versions import services as versions


class PrintPrescription(WorkPage):
    """What a record prescribes, as a PDF on the practice's letterhead."""

    needs = Permission.READ_RECORDS
    about = MedicalRecord._meta.label

    def get(self, request: HttpRequest, record_id: UUID) -> HttpResponse:
        record = versions.get_entry(MedicalRecord, by=self.user, pk=record_id)
        self.read([record], kind=AuditEvent.RECORD_READ, about_id=record.pk)
        printed = prescription_pdf(record, practice=self.request.practice, by=self.user)
        headers = {"Content-Disposition": 'attachment; filename="prescription.pdf"'}
        return HttpResponse(printed, content_type="application/pdf", headers=headers)
