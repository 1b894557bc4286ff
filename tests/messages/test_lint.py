"""`lint` tells everything at once: what no letter would leave with, and what is only unwise."""

from datetime import timedelta

import pytest

from onboarding.messages.lint import SMALL_PRINT, LintWarning, contrast, lint_templates
from onboarding.messages.settings import Colours
from onboarding.model.entries import Anchor, Entry, When
from tests.messages.samples import BRAND, HTML, SHIPPED, write_templates


def page(words: str) -> str:
    return HTML.format(title="Welcome", words=words)


def found_in(folder, brand=BRAND) -> dict[str, bool]:
    """Messages, each with whether it is an error, without those about derived text."""
    return {
        f"{warning.where}: {warning.message}": warning.is_error
        for warning in lint_templates([folder], brand)
        if "text part is made" not in warning.message
    }


def test_the_shipped_templates_and_colours_have_no_findings():
    assert lint_templates([SHIPPED], BRAND) == ()


def test_every_shipped_template_has_its_text():
    names = {file.name.split(".mjml.j2")[0] for file in SHIPPED.glob("*.mjml.j2")}

    assert names == {file.name.removesuffix(".txt.j2") for file in SHIPPED.glob("[!c]*.txt.j2")} | {
        "cancellation",
        "cancellation.de",
    }


def test_a_missing_text_part_is_reported(tmp_path):
    findings = lint_templates(
        [write_templates(tmp_path, invitation__txt__j2="{{ join_link }}")], BRAND
    )

    assert [
        (warning.where, warning.is_error)
        for warning in findings
        if "text part is made" in warning.message
    ] == [
        ("cancellation", False),
        ("reminder", False),
        ("update", False),
    ]


OFF = "{% if called_off %}It is off.{% else %}You are no longer on board.{% endif %}"
SILENT = "You are no longer on board."


@pytest.mark.parametrize(
    ("html", "text", "is_reported"),
    [
        (OFF, OFF, False),
        (OFF, "", False),
        (SILENT, SILENT, True),
        (SILENT, "", True),
        (OFF, SILENT, True),
        (SILENT, OFF, True),
    ],
)
def test_cancellation_that_never_looks_at_called_off_is_reported_once(
    tmp_path, html, text, is_reported
):
    page = f"<html><head><title>Cancelled</title></head><body><p>{html}</p></body></html>"
    files = {"cancellation__cohost__html__j2": page, "cancellation__cohost__txt__j2": text}
    folder = write_templates(tmp_path, **{name: words for name, words in files.items() if words})

    warnings = lint_templates([folder], BRAND)

    found = [warning for warning in warnings if "called_off" in warning.message]
    assert [(warning.where, warning.is_error) for warning in found] == (
        [("cancellation.cohost", False)] * is_reported
    )
    assert all("{% if called_off %}" in warning.message for warning in found)


def entry(key: str, when: When) -> Entry:
    return Entry(key, key, key, when)


@pytest.mark.parametrize(
    ("words", "when", "is_reported"),
    [
        ("Soon!", When(timedelta(hours=-1)), True),
        ("Soon! {{ join_link }}", When(timedelta(hours=-1)), False),
        ("Thank you", When(timedelta(days=1), Anchor.END), False),
    ],
)
def test_entry_before_the_end_without_a_join_link_is_reported(tmp_path, words, when, is_reported):
    html = f"<html><head><title>Soon</title></head><body><p>{words}</p></body></html>"
    folder = write_templates(tmp_path, soon__html__j2=html, soon__txt__j2=words)

    warnings = lint_templates([folder], BRAND, [entry("soon", when)])

    found = [warning for warning in warnings if warning.where == "soon"]
    assert [warning.is_error for warning in found] == [False] * is_reported
    assert all("The message soon goes out before the end" in found.message for found in found)


def test_template_of_an_entry_that_fails_is_reported(tmp_path):
    folder = write_templates(tmp_path, soon__html__j2=page("{{ nobody }}"))

    warnings = lint_templates([folder], BRAND, [entry("soon", When(timedelta(hours=-1)))])

    assert ["nobody" in warning.message for warning in warnings if warning.is_error] == [True]


def test_a_picture_without_words_is_reported(tmp_path):
    words = '<img src="https://example.com/a.png"><img src="https://example.com/b.png" alt="B">'

    assert found_in(write_templates(tmp_path, update__html__j2=page(words))) == {
        "update: The picture https://example.com/a.png has no alt text, "
        "for people who don't see it.": False
    }


@pytest.mark.parametrize("href", ['href=""', 'href="#"', "href", 'href=" "'])
def test_a_link_that_leads_nowhere_is_reported(tmp_path, href):
    words = (
        f"<a {href}>Our <b>terms</b></a><a {href}><img "
        f'src="https://example.com/b.png" alt="Terms"></a>'
    )

    assert found_in(write_templates(tmp_path, update__html__j2=page(words))) == {
        "update: The link 'Our terms' leads nowhere: its address is empty or #.": False,
        "update: The link 'Terms' leads nowhere: its address is empty or #.": False,
    }


@pytest.mark.parametrize(
    ("href", "reason"),
    [
        ("#terms", "no place in the message is called terms"),
        ("www.example.com", "its address has to begin with https://"),
        ("/terms", "its address has to begin with https://"),
        ("terms.html#costs", "its address has to begin with https://"),
        ("//example.com/terms", "its address has to begin with https://"),
        ("https://", "its address names no host"),
        ("https:///terms", "its address names no host"),
        ("https://[terms", "its address is none"),
        ("mailto:", "nothing stands behind mailto:"),
        ("MAILTO:?subject=Terms", "nothing stands behind mailto:"),
        ("tel:", "nothing stands behind tel:"),
    ],
)
def test_a_link_that_no_mail_program_can_follow_is_reported(tmp_path, href, reason):
    words = f'<p id="costs">Costs</p><a href="{href}">Terms</a>'

    assert found_in(write_templates(tmp_path, update__html__j2=page(words))) == {
        f"update: The link 'Terms' leads nowhere: {reason}.": False
    }


@pytest.mark.parametrize(
    "href",
    [
        "#terms",
        "#costs",
        "https://example.com",
        "HTTPS://example.com/terms?a=1#b",
        "mailto:help@example.com?subject=Terms",
        "tel:+44-117-496-0123",
    ],
)
def test_a_link_that_leads_somewhere_is_not_reported(tmp_path, href):
    words = f'<a href="{href}">Terms</a><a name="terms">Here</a><p id="costs">Costs</p>'

    assert found_in(write_templates(tmp_path, update__html__j2=page(words))) == {}


def test_a_link_without_encryption_is_reported_by_its_line(tmp_path):
    folder = write_templates(
        tmp_path, update__html__j2=page('{% if 0 %}<a href="http://example.com/">x</a>{% endif %}')
    )

    assert found_in(folder) == {
        f"{folder}/update.html.j2, line 3: "
        "Links in messages begin with https://, not http://.": True
    }


def test_what_gmail_cuts_off_is_reported(tmp_path):
    assert found_in(write_templates(tmp_path, update__html__j2=page("x" * 105_000))) == {
        "update: The HTML has 102 KB; Gmail cuts a message off after 102 KB.": False
    }


def test_a_template_without_join_link_is_reported(tmp_path):
    findings = found_in(
        write_templates(tmp_path, update__html__j2="<title>Update</title><p>Hello</p>")
    )

    assert findings == {
        f"update: A message to a sample {role} fails: The message was stopped before it left: "
        "its text part lacks this person's join link.": True
        for role in ("Host", "CoHost", "Panelist")
    }


def test_a_pasted_join_link_is_reported(tmp_path):
    folder = write_templates(
        tmp_path, parts__x__j2="https://v.ringcentral.com/w/join/de7yd8ew7yfsdfjh899"
    )

    assert found_in(folder) == {
        f"templates: {folder}/parts.x.j2, line 1: a join link was pasted into the template.": True
    }


def test_a_template_that_no_person_gets_is_reported(tmp_path):
    folder = write_templates(
        tmp_path, invitaton__cohost__html__j2=page("x"), base__html__j2="a shared part"
    )

    assert found_in(folder) == {
        f"{folder}/invitaton.cohost.html.j2: No message is called invitaton; "
        "did you mean invitation?": False
    }


def test_mistakes_in_several_templates_are_all_reported(tmp_path):
    findings = found_in(
        write_templates(
            tmp_path, update__html__j2=page("{{ nobody }}"), reminder__html__j2=page("{{ nil }}")
        )
    )

    assert [finding.split(": ")[0] for finding in findings] == ["reminder", "update"]
    assert all(findings.values())


@pytest.mark.parametrize(
    ("colours", "findings"),
    [
        (Colours(), []),
        (
            Colours(primary="#ffdd00", button_text="#1c2430"),
            ["primary (links) #ffdd00 on white #ffffff has a contrast of 1.3; 4.5 is the least."],
        ),
        (
            Colours(primary="#1f5fbf", button_text="#888888", text="#999999", background="#aaaaaa"),
            [
                "button_text #888888 on primary #1f5fbf has a contrast of 1.7; 4.5 is the least.",
                "text #999999 on background #aaaaaa has a contrast of 1.2; 4.5 is the least.",
                "text #999999 on white #ffffff has a contrast of 2.8; 4.5 is the least.",
                (
                    "small print #5b6675 on background #aaaaaa has a contrast of 2.5; 4.5 "
                    "is the least."
                ),
            ],
        ),
    ],
)
def test_colours_that_cannot_be_read_on_each_other_are_reported(tmp_path, colours, findings):
    brand = BRAND.model_copy(update={"colours": colours})

    found = [
        warning
        for warning in lint_templates([write_templates(tmp_path)], brand)
        if "colours" in warning.where
    ]
    assert found == [LintWarning("[brand] colours", words, is_error=False) for words in findings]


def test_small_print_is_checked_in_the_grey_that_ships():
    style = (SHIPPED / "parts" / "style.mjml.j2").read_text(encoding="utf-8")

    assert f'name="small" font-size="14px" line-height="22px" color="{SMALL_PRINT}"' in style


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("#000000", "#ffffff", 21.0), ("#ffffff", "#ffffff", 1.0), ("#777777", "#ffffff", 4.48)],
)
def test_contrast_is_that_of_wcag(first, second, expected):
    assert contrast(first, second) == contrast(second, first) == pytest.approx(expected, abs=0.01)
