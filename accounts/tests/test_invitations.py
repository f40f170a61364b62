"""An account is opened by invitation: who may invite, what the link does, and when it stops working."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, User
from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.models import Patient

ADD = "/admin/accounts/invitation/add/"
LIST = "/admin/accounts/invitation/"
NEW = {"name": "Dr. Nora New", "email": "Nora@Example.com", "role": "doctor"}
PASSWORD = "Rather-l0ng-indeed"
BOTH = {"password": PASSWORD, "again": PASSWORD}


@pytest.fixture
def manager(enter_as):
    return enter_as("admin")


def link_in(mail):
    return re.search(r"http://[^/]+(/invitation/\S+/)", mail.body)[1]


def only(practice):
    with practice_scope(practice.pk):
        return Invitation.objects.get()


def errors(page):
    return page.context["adminform"].form.errors


@pytest.mark.django_db(transaction=True)
def test_invited_person_chooses_the_password_and_signs_in(manager, practice, mailbox):
    assert manager.get("/admin/accounts/user/add/").url == ADD
    assert manager.post(ADD, NEW).url == LIST
    (mail,) = mailbox
    assert mail.to == ["Nora@Example.com"] and practice.name in mail.subject and "Nora New" in mail.body
    assert User.all_practices.with_email("nora@example.com") is None
    assert "Pending" in manager.get(LIST).content.decode()

    client, link = Client(), link_in(mail)
    page = client.get(link)
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store, private")
    assert practice.name in page.content.decode()
    assert b"match" in client.post(link, {**BOTH, "again": "another"}).content
    assert b"too short" in client.post(link, {"password": "Sh0rt!", "again": "Sh0rt!"}).content
    done = client.post(link, BOTH, follow=True)
    assert (done.redirect_chain, b"Your account is ready." in done.content) == ([("/", 302)], True)
    nora = User.all_practices.with_email("nora@example.com")
    assert (nora.name, nora.role, nora.practice_id) == ("Dr. Nora New", "doctor", practice.pk)
    assert client.post("/", {"username": NEW["email"], "password": PASSWORD}).status_code == 302

    assert client.post(link, BOTH).status_code == Client().get(link).status_code == 400  # once
    assert "Accepted" in manager.get(LIST).content.decode()
    label = Invitation._meta.label
    logged = [
        (event.kind, event.user_id) for event in whole_trail().filter(about=label, outcome="done") if event.about_id
    ]
    assert ("data.created", manager.user.pk) in logged and len(
        [kind for kind, _who in logged if "changed" in kind]
    ) == 1
    assert whole_trail().filter(kind="account.registered", about_id=nora.pk).count() == 1
    assert whole_trail().filter(kind="account.registered", outcome="failed").count() == 2
    trail = "".join(event.details for event in whole_trail())
    assert link.split("/")[2] not in trail and "Nora" not in trail


@pytest.mark.django_db(transaction=True)
def test_links_end_when_sent_again_withdrawn_expired_or_overtaken(manager, practice, mailbox, make_user, subtests):
    manager.post(ADD, NEW)
    sent = only(practice)
    twice = manager.post(ADD, {**NEW, "email": "nora@example.com"})
    assert list(errors(twice)) == ["email"] and "already been invited" in str(errors(twice))
    page = reverse("admin:accounts_invitation_change", args=[sent.pk])
    assert b"Send again" in manager.get(page).content

    assert manager.post(reverse("admin:accounts_invitation_resend", args=[sent.pk])).url == LIST
    first, second = map(link_in, mailbox)
    assert (Client().get(first).status_code, Client().get(second).status_code) == (400, 200)

    with practice_scope(practice.pk):
        Invitation.objects.filter(pk=sent.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(second).status_code == Client().post(second, BOTH).status_code == 400
    assert "Expired" in manager.get(LIST).content.decode()
    manager.post(reverse("admin:accounts_invitation_resend", args=[sent.pk]))
    third = link_in(mailbox[-1])
    make_user("staff", email="nora@example.com")
    overtaken = Client().post(third, BOTH)
    assert (overtaken.status_code, b"already has an account" in overtaken.content) == (409, True)

    assert manager.post(reverse("admin:accounts_invitation_withdraw", args=[sent.pk])).url == LIST
    assert Client().get(third).status_code == 400
    for action in ("resend", "withdraw"):
        answer = manager.post(reverse(f"admin:accounts_invitation_{action}", args=[sent.pk]), follow=True)
        with subtests.test(over=action):
            assert "has been accepted or withdrawn" in answer.content.decode()
    assert len(mailbox) == 3
    assert list(errors(manager.post(ADD, NEW))) == ["email"]  # has an account
    assert Client().get("/invitation/made-up/").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_invited_patient_gets_a_chart_to_confirm(manager, practice, mailbox):
    manager.post(ADD, {"name": "Pat Ient", "email": "pat@example.com", "role": "patient"})
    Client().post(link_in(mailbox[0]), {"password": "kitten", "again": "kitten"})
    with practice_scope(practice.pk):
        assert Patient.objects.pending().filter(user=User.all_practices.with_email("pat@example.com")).count() == 1


def test_only_managers_invite_and_see_their_own_practices_invitations(enter_as, own, foreign):
    for role in ("doctor", "staff", "billing", "patient"):
        client = enter_as(role)
        assert client.get(LIST).status_code == client.post(ADD, NEW).status_code == 403
        assert client.post(reverse("admin:accounts_invitation_withdraw", args=[own.invitation.pk])).status_code == 403
    client = enter_as("admin")
    page = client.get(LIST).content.decode()
    assert "Newcomer Ownwood" in page and "Newcomer Foreignson" not in page
    for action in ("resend", "withdraw"):
        assert (
            client.post(reverse(f"admin:accounts_invitation_{action}", args=[foreign.invitation.pk])).status_code == 404
        )
