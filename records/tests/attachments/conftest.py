"""A chart, a doctor who may add files to it, and the storage of files."""

import os
from contextlib import contextmanager
from uuid import uuid4

import orjson
import pytest
from django.conf import settings as configured
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.tests.whole_trail import whole_trail
from core.tenancy.scope import practice_scope
from patients.tests.factories import PatientFactory
from records.attachments import storage
from records.models import Attachment
from records.tests.factories import stored_file

ADDRESS = "/api/attachments"
KEYS = {"access_key": "test", "secret_key": "test", "region_name": "us-east-1"}


def with_files(files):
    """Return the settings' STORAGES with `files` as the storage of files."""
    return {**configured.STORAGES, "files": files}


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    """The storage of each test is a folder of its own."""
    options = {**configured.STORAGES["files"]["OPTIONS"], "location": tmp_path / "files"}
    settings.STORAGES = with_files({**configured.STORAGES["files"], "OPTIONS": options})
    return tmp_path / "files"


@pytest.fixture
def bucket(settings, s3_url):
    """The storage is an empty bucket, with the options that config/settings.py gives it."""
    import boto3
    from boto3.s3.transfer import TransferConfig

    client = boto3.client(
        "s3",
        endpoint_url=s3_url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )
    name = f"files-{uuid4().hex}"
    client.create_bucket(Bucket=name)
    options = {
        **KEYS,
        "bucket_name": name,
        "endpoint_url": s3_url,
        "default_acl": None,
        "file_overwrite": False,
        "max_memory_size": 64 * 1024,
        "transfer_config": TransferConfig(multipart_threshold=2 * configured.MAX_FILE_BYTES, use_threads=False),
    }
    settings.STORAGES = with_files({"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options})
    return name


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.production)])
def any_storage(request):
    """Run the test with a folder and with S3."""
    return request.getfixturevalue(request.param)


class Failing(FileSystemStorage):
    """A folder storage that fails at the named operations: before doing anything, or halfway (save)."""

    fails: frozenset[str] = frozenset()

    def _save(self, name, content):
        if "save" in self.fails:
            super()._save(name, content)
            os.truncate(self.path(name), 10)
            raise OSError(28, "No space left on device")
        return super()._save(name, content)

    def delete(self, name):
        if "delete" in self.fails:
            raise ConnectionError("gone away")
        super().delete(name)

    def open(self, name, mode="rb"):
        if "open" in self.fails:
            raise ConnectionError("gone away")
        return super().open(name, mode)


@pytest.fixture
def failing(settings, folder):
    """`with failing("save"): …`"""
    place = f"{__name__}.{Failing.__name__}"
    settings.STORAGES = with_files({"BACKEND": place, "OPTIONS": {"location": folder}})

    @contextmanager
    def make(*what):
        Failing.fails = frozenset(what)
        try:
            yield
        finally:
            Failing.fails = frozenset()

    return make


@pytest.fixture
def chart(practice):
    with practice_scope(practice.pk):
        return PatientFactory()


@pytest.fixture
def doctor(as_role):
    return as_role("doctor")


@pytest.fixture
def make_file(practice, chart, doctor):
    """`make_file(content=b"…")` stores a file in the chart."""

    def make(**fields):
        with practice_scope(practice.pk):
            return stored_file(**{"patient": chart, "uploaded_by": doctor.user, **fields})

    return make


@pytest.fixture
def send(chart):
    """`send(client, content)` uploads plain text to the chart and returns the response."""

    def post(client, content=b"Bone density: normal", *, name="findings.txt", declared="text/plain", **fields):
        file = SimpleUploadedFile(name, content, content_type=declared)
        return client.post(ADDRESS, {"file": file, "patientId": str(chart.pk), **fields})

    return post


def stored_names():
    """Return the names of all stored objects."""
    return sorted(name for folder in storage.FOLDERS for name in storage.list_names(folder))


def rows(practice):
    with practice_scope(practice.pk):
        return list(Attachment.with_deleted.order_by("id"))


def file_events():
    """Return the audit events of files, oldest first."""
    return list(whole_trail().filter(about=Attachment._meta.label).order_by("id"))


def logged_events():
    return [(event.kind, event.outcome) for event in file_events()]


def details(kind):
    return [orjson.loads(event.details) for event in file_events() if event.kind == kind]
