"""Plain text: stored as UTF-8, and only what is text."""

import codecs

import pytest

from records.attachments import cleaning
from records.attachments.cleaning import CannotClean, RefusalReason

WORDS = "Knie: 110°, Ödem 痛み 😀, عربي\r\n\tbetter\f\n"


def cleaned(data):
    return cleaning.clean("text/plain", data)[1].decode()


def refusal(data):
    with pytest.raises(CannotClean) as refused:
        cleaned(data)
    return refused.value.reason


@pytest.mark.parametrize(
    "data",
    [
        WORDS.encode(),
        codecs.BOM_UTF8 + WORDS.encode(),
        codecs.BOM_UTF16_LE + WORDS.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-8 with a mark", "UTF-16 little", "UTF-16 big"],
)
def test_text_is_stored_as_utf_8(data):
    assert cleaned(data) == WORDS


@pytest.mark.parametrize("text", ["< 5 mg a day", "<5 mg", "a <b> c", "<anna@example.org> wrote:", "5 > 3", "<3"])
def test_text_with_markup_characters_is_accepted(text):
    assert cleaned(text.encode()) == text


@pytest.mark.parametrize("data", [b"", b" \n\t ", b"\0\0", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_empty_text_is_refused(data):
    assert refusal(data) in (RefusalReason.EMPTY, RefusalReason.CONTROL)


@pytest.mark.parametrize("data", [WORDS.encode("utf-16-le"), b"\xff\xfe\x00", b"words \xf0\x9f", b"\xed\xa0\x80"])
def test_other_encodings_are_refused(data):
    assert refusal(data) in (RefusalReason.CHARSET, RefusalReason.CONTROL)


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\x9b", "\ufffe", "\uffff"])
def test_control_character_is_refused(character):
    assert refusal(f"words {character} words".encode()) is RefusalReason.CONTROL


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><p>",
        b"<html>",
        b"\n\n  <HTML lang=en>",
        b"<script>alert(1)</script>",
        b"<ScRiPt src=x>",
        b"<!-- x --><b>hi</b>",
        b"<iframe src=x>",
        b"<body onload=x>",
        b"<p>words</p>",
        b"<img src=x onerror=y>",
        b"</p>",
        b"<table>",
        codecs.BOM_UTF8 + b"<html>",
        codecs.BOM_UTF16_BE + "<html>".encode("utf-16-be"),
    ],
)
def test_html_as_text_is_refused(data):
    assert refusal(data) is RefusalReason.HTML


@pytest.mark.parametrize("data", [b"<svg onload=x>", b"<?xml version='1.0'?><svg xmlns='x'>", b"<!DOCTYPE svg><svg >"])
def test_svg_as_text_is_refused(data):
    assert refusal(data) is RefusalReason.SVG


@pytest.mark.parametrize(
    "data", [b"#!/bin/sh\n", b"<?php echo 1 ?>", b"<?xml version='1.0'?>", b"%PDF-1.7", b"{\\rtf1"]
)
def test_script_as_text_is_refused(data):
    assert refusal(data) is RefusalReason.CONTENT


def test_ten_megabytes_of_text_are_kept():
    text = "The knee bends to 110°. " * 400_000

    assert cleaned(text.encode()) == text
