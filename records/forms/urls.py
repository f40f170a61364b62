"""The pages of forms, below /forms/."""

from django.urls import path

from records.form_templates import pages as template_pages
from records.forms import pages

urlpatterns = [
    path("templates/", template_pages.Templates.as_view(), name="form-templates"),
    path("templates/new/", template_pages.EditTemplate.as_view(), name="form-template-new"),
    path("templates/<uuid:template_id>/", template_pages.EditTemplate.as_view(), name="form-template-edit"),
    path("templates/<uuid:template_id>/archive/", template_pages.Archive.as_view(), name="form-template-archive"),
    path("<uuid:form_id>/", pages.Form.as_view(), name="form"),
    path("<uuid:form_id>/code/", pages.ShowCode.as_view(), name="form-code"),
    path("<uuid:form_id>/hand-over/", pages.HandOver.as_view(), name="form-hand-over"),
    path("<uuid:form_id>/withdraw/", pages.Withdraw.as_view(), name="form-withdraw"),
    path("<uuid:form_id>/take-back/", pages.TakeBack.as_view(), name="form-take-back"),
    path("<uuid:form_id>/review/", pages.Review.as_view(), name="form-review"),
    path("<uuid:form_id>/file/", pages.SignedFile.as_view(), name="form-file"),
]
