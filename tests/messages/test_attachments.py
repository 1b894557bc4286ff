"""What may travel with a message, and what may not: by name, by content, by size."""

import io
import zipfile
from dataclasses import replace
from email import message_from_bytes, policy
from hashlib import sha256

import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages.attachments import ADMITTED, MOST_ATTACHED, REFUSED, read_attachments
from onboarding.messages.composer import Composer
from onboarding.messages.content import render_content
from onboarding.messages.load import load_template_set
from onboarding.messages.mime import make_frame
from onboarding.messages.templates import TemplateSet
from onboarding.messages.verify import find_violation
from onboarding.model.deliveries import Message, Rejected
from onboarding.model.kinds import Kind
from onboarding.model.reviews import content_digest
from tests.messages.samples import (
    BRAND,
    OTHERS,
    OWN,
    SHIPPED,
    as_email,
    compose,
    make_request,
    protect,
)

PDF = b"%PDF-1.7\n1 0 obj <</Type /Catalog>> endobj\n"


def archive(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, content in files.items():
            opened.writestr(name.replace("__", "."), content)
    return packed.getvalue()


DOCUMENT = archive(**{"[Content_Types]__xml": b"<Types/>", "word/document__xml": b"<x/>"})
GOOD = {
    "list.pdf": PDF,
    "logo.PNG": b"\x89PNG\r\n\x1a\n...",
    "me.jpg": b"\xff\xd8\xff\xe0",
    "move.gif": b"GIF89a",
    "notes.txt": "Grüße\n".encode(),
    "people.csv": b"\xef\xbb\xbfname\n",
    "plan.docx": DOCUMENT,
    "slides.zip": archive(slides__pdf=PDF, notes__txt=b"x"),
}
BAD = [
    ("run.exe", b"MZ", "it is a program, or starts one"),
    ("run.pdf", b"MZ\x90\x00", "it is a program, or starts one"),
    ("run.txt", b"#!/bin/sh\n", "it is a program, or starts one"),
    ("page.html", b"<p>", "it can run a script when it is opened"),
    ("picture.svg", b"<svg>", "it can run a script when it is opened"),
    ("old.doc", b"\xd0\xcf\x11\xe0", "it can hold macros"),
    ("sheet.xlsm", DOCUMENT, "it can hold macros"),
    ("plan.docx", archive(**{"word/vbaProject__bin": b"x"}), "it can hold macros"),
    ("plan.odt", archive(**{"Basic/Standard/Module1__xml": b"x"}), "it can hold macros"),
    ("all.7z", b"7z", "what is in it can't be looked into"),
    ("all.zip", b"PK\x03\x04damaged", "what is in it can't be looked into"),
    ("all.zip", archive(inner__zip=archive(x__txt=b"x")), "what is in it can't be looked into"),
    ("all.zip", archive(run__exe=b"x"), "it holds run.exe: it is a program, or starts one"),
    ("all.zip", archive(notes__txt=b"MZ\x90"), "it holds notes.txt: it is a program"),
    ("all.zip", archive(old__doc=b"x"), "it holds old.doc: it can hold macros"),
    ("form.pdf", PDF + b"<</S /JavaScript>>", "it can run a script when it is opened"),
    ("list.pdf", b"Not a PDF", "its content is not that of a .pdf file"),
    ("list.txt", b"\xff\xfe", "it is not text in UTF-8"),
    ("list.txt", b"", "it is empty"),
    ("film.mp4", b"....ftyp", "its type is not one of those that may be attached"),
    ("noending", b"x", "its type is not one of those that may be attached"),
    ("invite.ics", b"BEGIN:VCALENDAR", "invitations carry the calendar entry already"),
]


def write(folder, name, content):
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize("name", GOOD)
def test_file_of_an_admitted_type_is_read(tmp_path, name):
    [file] = read_attachments([write(tmp_path, name, GOOD[name])], tmp_path)

    assert (file.name, file.content) == (name, GOOD[name])
    assert file.sha256 == sha256(GOOD[name]).hexdigest()
    assert file.media_type == ADMITTED[(tmp_path / name).suffix.lower()][0]


@pytest.mark.parametrize(("name", "content", "reason"), BAD)
def test_file_that_may_not_travel_is_refused_with_the_reason(tmp_path, name, content, reason):
    with pytest.raises(ConfigurationError) as refused:
        read_attachments([write(tmp_path, name, content)], tmp_path)

    assert f"{name} can't be attached: {reason}" in refused.value.message


def test_no_ending_is_both_admitted_and_refused():
    assert ADMITTED.keys() & REFUSED.keys() == set()


def test_missing_file_folder_and_fifo_are_told(tmp_path):
    (tmp_path / "folder.pdf").mkdir()
    for name, reason in (
        ("none.pdf", "No such file"),
        ("folder.pdf", "it is a directory, and not a regular file"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            read_attachments([tmp_path / name], tmp_path)


def test_files_of_one_message_have_a_size_together_and_names_of_their_own(tmp_path):
    half = PDF + bytes(MOST_ATTACHED // 2)
    files = [write(tmp_path, name, half) for name in ("a.pdf", "b.pdf")]
    with pytest.raises(ConfigurationError, match=r"5\.0 MB together; 5 MB is the most"):
        read_attachments(files, tmp_path)

    (tmp_path / "own").mkdir()
    same = [write(tmp_path, "c.pdf", PDF), write(tmp_path / "own", "C.pdf", PDF)]
    with pytest.raises(ConfigurationError, match=r"Two attached files are called c\.pdf"):
        read_attachments(same, tmp_path)


def test_link_may_not_lead_out_of_the_folder(tmp_path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    secret = write(elsewhere, "secret.txt", b"secret")
    (home / "list.txt").symlink_to(secret)
    (home / "inner").mkdir()
    (home / "inner" / "good.txt").symlink_to(write(home, "good.txt", b"fine"))
    (home / "folder").symlink_to(elsewhere)

    with pytest.raises(ConfigurationError, match="a link that leads elsewhere"):
        read_attachments([home / "list.txt"], home)
    names = [home / "inner" / "good.txt", home / "folder" / "secret.txt"]
    assert [file.content for file in read_attachments(names, home)] == [b"fine", b"secret"]


@pytest.fixture
def files(tmp_path):
    names = ("list.pdf", "notes.txt", "Übersicht.csv")
    contents = (PDF + bytes(range(256)) * 40, "Grüße\n".encode(), b"a,b\n")
    return read_attachments([*map(write, [tmp_path] * 3, names, contents)], tmp_path)


@pytest.fixture(scope="module")
def shipped() -> TemplateSet:
    return load_template_set([SHIPPED], BRAND, scheduled=("material",))


REQUEST = make_request(Kind.SCHEDULED, template="material", entry="material")


def test_files_travel_as_they_are_behind_the_message(shipped, files):
    templates = replace(shipped, files={"material": files})

    composed = compose(templates, REQUEST, protect())

    assert composed.canonical
    message = as_email(composed)
    assert [
        (part.get_content_type(), part.get_filename(), part.get_payload(decode=True))
        for part in message.iter_attachments()
    ] == [(file.media_type, file.name, file.content) for file in files]
    assert message.get_content_type() == "multipart/mixed"
    other = compose(templates, replace(REQUEST, entry="other"), protect())
    assert as_email(other).get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.replace(b"R3LDvMOfZQo=", b"R3LDvMOfZQ=="), "notes.txt is not as it was"),
        (lambda body: body.replace(b"application/pdf", b"application/x-pdf"), "list.pdf is not as"),
    ],
)
def test_file_that_was_changed_on_the_way_is_found(shipped, files, change, said):
    templates = replace(shipped, files={"material": files})
    composed = compose(templates, REQUEST, protect())

    violation = find_violation(
        change(composed.body),
        REQUEST,
        REQUEST.recipient,
        protect(),
        templates.configured,
        files=files,
    )

    assert said in violation


def test_message_without_its_files_or_with_others_is_found(shipped, files):
    templates = replace(shipped, files={"material": files})
    arguments = (REQUEST, REQUEST.recipient, protect(), templates.configured, ())
    whole, bare = compose(templates, REQUEST, protect()), compose(shipped, REQUEST, protect())

    assert find_violation(whole.body, *arguments, files) == ""
    assert find_violation(whole.body, *arguments, ()) != ""
    assert find_violation(bare.body, *arguments, files) != ""


@pytest.mark.parametrize("link", [OWN, OTHERS])
def test_file_that_holds_a_join_link_stops_the_message(shipped, tmp_path, link):
    files = read_attachments([write(tmp_path, "notes.txt", link.encode())], tmp_path)

    composed = Composer(replace(shipped, files={"material": files}), protect()).compose(REQUEST)

    assert isinstance(composed, Rejected)
    assert "the attached file notes.txt holds a join link" in composed.reason


def test_name_of_a_file_may_hold_no_ones_address(shipped, tmp_path):
    files = read_attachments([write(tmp_path, "boris@example.com notes.txt", b"x")], tmp_path)

    composed = compose(replace(shipped, files={"material": files}), REQUEST, protect())

    assert isinstance(composed, Rejected)
    assert "the name of an attached file holds somebody else's address" in composed.reason


def test_content_and_name_of_a_file_count_for_an_approval(shipped, tmp_path):
    digests = []
    for name, content in (("a.txt", b"x"), ("a.txt", b"y"), ("b.txt", b"y")):
        files = read_attachments([write(tmp_path, name, content)], tmp_path)
        shown = render_content(replace(shipped, files={"material": files}), REQUEST)
        digests.append(content_digest(shown))

    assert len(set(digests)) == 3


def test_copy_keeps_what_a_file_was_and_not_its_content(shipped, files):
    templates = replace(shipped, files={"material": files})

    composed = Composer(templates, protect(), keeps_copies=True).compose(REQUEST)
    bare = Composer(shipped, protect(), keeps_copies=True).compose(REQUEST)

    assert [file.name for file in composed.copy.files] == [file.name for file in files]
    assert composed.copy.files[0] == (
        "list.pdf",
        "application/pdf",
        len(files[0].content),
        files[0].sha256,
    )
    assert bare.copy.files == ()
    assert files[1].encoded.strip() not in composed.copy.own.encode()


def test_frame_with_files_equals_what_the_email_package_builds(files, shipped):
    composed = compose(replace(shipped, files={"material": files}), REQUEST, protect())
    assert isinstance(composed, Message)
    frame = make_frame(BRAND, "", None, files=files)

    read = message_from_bytes(composed.body, policy=policy.default)
    assert read.get_boundary() == "=_mixed_="
    assert all(file.encoded.rstrip() in b"".join(frame.cuts) for file in files)
