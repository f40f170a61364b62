"""Routes of medical records, below /api/."""

from django.urls import path

from records import plan_views, views
from records.files import views as files

urlpatterns = [
    path("records", views.Records.as_view(), name="records"),
    path("plans", plan_views.Plans.as_view(), name="plans"),
    path("plans/<uuid:plan_id>", plan_views.PlanById.as_view(), name="plan"),
    path("plans/<uuid:plan_id>/amendments", plan_views.PlanAmendments.as_view(), name="plan_amendments"),
    path("plans/<uuid:plan_id>/versions", plan_views.PlanVersions.as_view(), name="plan_versions"),
    path("plans/<uuid:plan_id>/versions/<int:number>", plan_views.PlanVersionByNumber.as_view(), name="plan_version"),
    path(
        "plans/<uuid:plan_id>/goals/<uuid:goal_id>/progress",
        plan_views.GoalProgressNotes.as_view(),
        name="goal_progress",
    ),
    path(
        "plans/<uuid:plan_id>/appointments/<uuid:appointment_id>",
        plan_views.PlannedAppointments.as_view(),
        name="planned_appointment",
    ),
    path("plans/<uuid:plan_id>/pdf", plan_views.PlanPdf.as_view(), name="plan_pdf"),
    path("attachments", files.Attachments.as_view(), name="attachments"),
    path("attachments/<uuid:attachment_id>", files.AttachmentById.as_view(), name="attachment"),
    path("attachments/<uuid:attachment_id>/content", files.Content.as_view(), name="attachment_content"),
    path("attachments/<uuid:attachment_id>/link", files.Link.as_view(), name="attachment_link"),
    path("attachments/<uuid:attachment_id>/link/<str:token>", files.LinkedContent.as_view(), name="linked_attachment"),
    path("patients/<uuid:chart_id>/attachments.zip", files.AttachmentsZip.as_view(), name="attachments_zip"),
]
