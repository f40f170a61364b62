"""The pages of letter templates, below /letter-templates/."""

from django.urls import path

from records.letters import pages

urlpatterns = [
    path("", pages.LetterTemplatesPage.as_view(), name="letter-templates"),
    path("new/", pages.EditLetterTemplate.as_view(), name="letter-template-new"),
    path("<uuid:letter_template_id>/", pages.EditLetterTemplate.as_view(), name="letter-template-edit"),
    path("<uuid:letter_template_id>/remove/", pages.RemoveLetterTemplate.as_view(), name="letter-template-remove"),
]
