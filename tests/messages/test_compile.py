"""Jinja's tags stay in place through MJML and CSS compilers, or are refused by file and line."""

from pathlib import Path

import pytest

from onboarding.errors import ConfigurationError
from onboarding.messages.compiler.compile import compile_source, join_empty_lines
from onboarding.messages.compiler.folders import Folders
from onboarding.messages.compiler.template import Environments

COLUMN = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
PAGE = "<html><head><title>t</title><style>p {{ color: {} }}</style></head><body>{}</body></html>"
IN_WRAPPER = "<mj-wrapper>\n{% if a %}<mj-section></mj-section>{% endif %}</mj-wrapper>"
IN_HEAD = "<mj-head>\n{% if a %}<mj-title>x</mj-title>{% endif %}</mj-head>"

EVERYWHERE = """
<mjml lang="{{ v01 }}">
  <mj-head>
    <mj-title>{{ v02 }}{% if v03 %}: {{ v04 }}{% endif %}</mj-title>
    <mj-preview>{% if v03 > 1 %}{{ v05 }}{% else %}{{ v06 }}{% endif %}</mj-preview>
    <mj-attributes>
      <mj-text color="{{ c01 }}" />
      <mj-class name="unused" color="{{ c02 }}" />
    </mj-attributes>
    <mj-style>.a { color: {{ c03 }}; } {% if v03 %}.b { color: {{ c04 }}; }{% endif %}</mj-style>
    <mj-style inline="inline">.c { background: {{ c05 }}; }</mj-style>
  </mj-head>
  <mj-body background-color="{{ c06 }}">
    {% for row in rows %}
    <mj-section background-color="{{ c07 }}" css-class="s {{ v07 }}">
      <mj-column border-radius="4px" background-color="{{ c08 }}">
        {% if row < 3 and v03 >= 1 %}
        <mj-text color="{% if row == 1 %}#111111{% else %}{{ c09 }}{% endif %}">
          {{ row }} {{ v08|upper }} &amp; {{ v09 }}
        </mj-text>
        {% endif %}
        <mj-text>
          <p class="c">{% if v03 %}<b>{{ v10 }}</b>{% endif %} <br/> {{ "}}" }} {{ '%}' }}</p>
        </mj-text>
        <mj-table>
          <tr><th>{{ v11 }}</th></tr>
          {% for cell in rows %}
          <tr {% if cell == 2 %}class="second"{% endif %}>
            <td style="color: {{ c10 }}" title="{{ v12 }} {{ cell }}">{{ cell * 2 }}</td>
          </tr>
          {% endfor %}
        </mj-table>
        <mj-image src="{{ u01 }}" alt="{{ v13 }}" width="100px" />
        <mj-button href="{{ u02 }}" background-color="{{ c11 }}">
          {{ v14 }}{% if v03 %} {{ v15 }}{% endif %}
        </mj-button>
        <mj-divider border-color="{{ c12 }}" />
        <mj-text>
          <a href="https://example.com/?q={{ v16 }}">{{ v17 }}</a> {% raw %}{{ kept }}{% endraw %}
        </mj-text>
        <mj-raw><!-- {{ v18 }} --></mj-raw>
      </mj-column>
    </mj-section>
    {% endfor %}
    {% set late = v19 %}
    <mj-section><mj-column>
      <mj-text>{{ late }}{# a comment goes #}</mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


def compile_file(folder: Path, name: str, text: str, **others: str) -> tuple[str, str]:
    folder.mkdir(exist_ok=True)
    files = {key.replace("__", "."): value for key, value in others.items()} | {name: text}
    for file_name, content in files.items():
        (folder / file_name).write_text(content, encoding="utf-8")
    folders = Folders.of([folder])
    return compile_source(folder / name, folders, Environments.over(folders).html)


def render(
    folder: Path, name: str, text: str, values: dict[str, object] | None = None, **others: str
) -> str:
    html, _text = compile_file(folder, name, text, **others)
    return Environments.over(Folders.of([folder])).html.from_string(html).render(values or {})


def test_placeholders_come_back_from_everywhere_in_mjml(tmp_path):
    values: dict[str, object] = {f"v{number:02}": f"value{number:02}" for number in range(1, 20)}
    values |= {f"c{number:02}": f"#0000{number:02}" for number in range(1, 13)}
    values |= {
        "u01": "https://example.com/logo.png",
        "u02": "https://example.com/join",
        "v03": 2,
        "rows": [1, 2],
    }

    html = render(tmp_path, "a.mjml.j2", EVERYWHERE, values)

    # a condition, its other branch, an unused class, a list
    never = {"v03", "v06", "c02", "rows"}
    missing = [
        name
        for name, value in values.items()
        if name not in never and str(value).upper() not in html.upper()
    ]
    assert missing == []
    assert html.count('class="second"') == 2
    assert html.count("<td") > 4
    assert "<title>value02: value04</title>" in html
    assert "{{ kept }}" in html
    assert "comment goes" not in html


def test_a_loop_around_rows_stays_around_its_rows(tmp_path):
    text = COLUMN.format(
        "<mj-table>{% for n in [1, 2] %}<tr><td>row {{ n }}</td></tr>{% endfor %}</mj-table>"
    )

    html = render(tmp_path, "a.mjml.j2", text)

    assert "<tr><td>row 1</td></tr><tr><td>row 2</td></tr>" in html


@pytest.mark.parametrize("name", ["a.mjml.j2", "a.html.j2"])
def test_comparisons_in_expressions_are_left_alone(tmp_path, name):
    words = "{% if 1 < 2 and 3 > 2 %}{{ 'yes' if 5 >= 4 else '' }}{% endif %}"
    text = (
        COLUMN.format(f"<mj-text>{words}</mj-text>")
        if "mjml" in name
        else PAGE.format("red", words)
    )

    assert "yes" in render(tmp_path, name, text)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            COLUMN.format("<mj-text\n{% if a %}color='red'{% endif %}>x</mj-text>"),
            "line 2: {% if a %} can't stand in",
        ),
        (
            COLUMN.format("<mj-text>\n<p {{ x }}>x</p></mj-text>"),
            "line 2: {{ x }} can't stand in <p>, outside quotes",
        ),
        (
            COLUMN.format('<mj-text>\n<p onclick="{{ x }}">x</p></mj-text>'),
            "line 2: {{ x }} can't stand in the attri",
        ),
        (
            COLUMN.format("<mj-raw>\n<script>{{ x }}</script></mj-raw>"),
            "line 2: {{ x }} can't stand in a script",
        ),
        (COLUMN.format('\n<mj-text unknown="{{ x }}">x</mj-text>'), "line 2: {{ x }} was lost"),
        (
            f"<mjml><mj-body>{IN_WRAPPER}</mj-body></mjml>",
            "line 2: {% if a %} ended up in another place",
        ),
        (
            f"<mjml>{IN_HEAD}<mj-body/></mjml>",
            "line 2: {% if a %} w",
        ),
        (COLUMN.format("<mj-text>\n\na<p>b</mj-text>"), "this MJML can't be compiled"),
        (
            COLUMN.format('<mj-text>\n<p {% if a %}class="a">{% endif %}x</p></mj-text>'),
            "line 2: {% if a %} can't stand in",
        ),
        (
            COLUMN.format('<mj-text>\n<p class="{% if a %}a" id="b{% endif %}">x</p></mj-text>'),
            "line 2: {% if a %} can't",
        ),
        (
            COLUMN.format('\n<mj-include path="no.mjml.j2" />'),
            "line 2: there is no file 'no.mjml.j2'",
        ),
        (COLUMN.format('\n<mj-include path="a.mjml.j2" />'), "go 20 files deep"),
        (
            COLUMN.format('\n<mj-include path="../secret.mjml.j2" />'),
            "there is no file '../secret.mjml.j2'",
        ),
        (COLUMN.format('\n<mj-include path="a.css" type="css" />'), "can't be followed"),
    ],
)
def test_a_tag_that_cannot_come_back_is_refused_by_file_and_line(tmp_path, source, message):
    with pytest.raises(ConfigurationError) as refusal:
        compile_file(tmp_path, "a.mjml.j2", source)

    assert message in str(refusal.value)
    assert "a.mjml.j2" in str(refusal.value)


def test_what_is_set_before_the_document_holds_in_it(tmp_path):
    html = render(
        tmp_path,
        "a.mjml.j2",
        "{% set who = 'Anna' %}\n" + COLUMN.format("<mj-text>{{ who }}</mj-text>"),
    )

    assert html.startswith("<!doctype html>")
    assert "Anna" in html


def test_what_is_set_inside_a_loop_may_stand_deeper(tmp_path):
    words = (
        "{% for n in [1, 2] %}<mj-text>{% set m = n * 3 %}<b>{{ m }}</b></mj-text>"
        "{% else %}{% endfor %}"
    )

    html = render(tmp_path, "a.mjml.j2", COLUMN.format(words))

    assert html.count("<b>3</b>") == html.count("<b>6</b>") == 1


def test_a_block_of_text_that_is_set_is_closed_where_it_began(tmp_path):
    words = "<mj-text>{% set m %}<b>{{ 1 + 1 }}</b>{% endset %}{{ m }}{{ m }}</mj-text>"

    assert render(tmp_path, "a.mjml.j2", COLUMN.format(words)).count("<b>2</b>") == 2


@pytest.mark.parametrize(
    "words",
    [
        "<ul><li>{% if a %}</li></ul>{% endif %}",
        "{% if a %}<div>{% else %}<p>{% endif %}</p></div>",
    ],
)
def test_a_condition_around_half_an_element_is_refused(tmp_path, words):
    with pytest.raises(ConfigurationError, match=r"a\.html\.j2, line 1: \{% if a %\}"):
        compile_file(tmp_path, "a.html.j2", PAGE.format("red", words))


def test_a_shared_part_stands_as_if_it_were_written_there(tmp_path):
    part = "<mj-text>first {{ n }}</mj-text><mj-text>second {{ n }}</mj-text>"
    loop = "{{% for n in [1, 2] %}}{}{{% endfor %}}"
    included = COLUMN.format(loop.format('<mj-include path="part.mjml.j2" />'))
    whole = COLUMN.format(loop.format(part))

    html = render(tmp_path, "a.mjml.j2", included, part__mjml__j2=part)

    assert html == render(tmp_path, "b.mjml.j2", whole)


def test_an_error_in_a_shared_part_names_the_parts_own_line(tmp_path):
    with pytest.raises(ConfigurationError, match=r"part\.mjml\.j2, line 3: \{\{ x \}\} was lost"):
        compile_file(
            tmp_path,
            "a.mjml.j2",
            COLUMN.format('\n\n\n\n<mj-include path="part.mjml.j2" />'),
            part__mjml__j2='\n\n<mj-text odd="{{ x }}">x</mj-text>',
        )


def test_html_inherits_from_its_parent_with_its_style(tmp_path):
    html = render(
        tmp_path,
        "child.html.j2",
        '{% extends "base.html.j2" %}{% set who = "Anna" %}'
        "{% block words %}{{ super() }}<p>new {{ who }}</p>"
        "{% block inner %}deep{% endblock %}{% endblock %}",
        base__html__j2=PAGE.format(
            "#123456", "{% block words %}<p>old</p>{% endblock %}{% block foot %}foot{% endblock %}"
        ),
    )

    assert '<p style="color: #123456;">old</p><p style="color: #123456;">new Anna</p>deep' in html
    assert "foot" in html


def test_html_keeps_its_media_queries(tmp_path):
    style = "p{color:red}@media (prefers-color-scheme: dark){p{color:blue}}"

    html = render(
        tmp_path,
        "a.html.j2",
        f"<html><head><style>{style}</style></head><body><p>x</p></body></html>",
    )

    assert '<p style="color: red;">' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_html_keeps_loops_around_rows_and_conditions_inside_tags(tmp_path):
    row = (
        "<tr id='r{{ n }}'{% if n == 2 %} class='last'{% else %} class='first'{% endif %}>"
        "<td>{{ n }}</td></tr>"
    )
    words = "<table>{% for n in [1, 2] %}" + row + "{% endfor %}</table>"

    html = render(tmp_path, "a.html.j2", PAGE.format("red", words))

    assert (
        "<tr id=\"r1\"  class='first'><td>1</td></tr><tr id=\"r2\"  class='last'><td>2</td></tr>"
        in html
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("<style>{% if a %}p { color: red }{% endif %}</style>", "can't stand in a style sheet"),
        ('{% extends "none.html.j2" %}', "there is no file 'none.html.j2'"),
    ],
)
def test_html_that_inlining_would_break_is_refused(tmp_path, words, message):
    with pytest.raises(ConfigurationError, match=message):
        compile_file(tmp_path, "a.html.j2", PAGE.format("red", words))


@pytest.mark.parametrize(
    "value", ["javascript:alert(1)", "data:text/html,x", "//example.com", "example.com", ""]
)
def test_a_link_that_is_none_is_not_render(tmp_path, value):
    text = COLUMN.format('<mj-button href="{{ x }}">go</mj-button>')

    with pytest.raises(ValueError, match="https://"):
        render(tmp_path, "a.mjml.j2", text, {"x": value})


@pytest.mark.parametrize(
    "value", ["red", "#12345", "expression(alert(1))", "#123456;background:url(x)"]
)
@pytest.mark.parametrize(
    "text",
    [
        COLUMN.format('<mj-text color="{{ x }}">go</mj-text>'),
        COLUMN.format('<mj-divider border-color="red" padding="{{ x }}" />'),
        "<mjml><mj-body><mj-section border-top='1px solid {{ x }}'></mj-section></mj-body></mjml>",
        COLUMN.format('<mj-text><p style="color: {{ x }}">go</p></mj-text>'),
        "<mjml><mj-head><mj-style>p { color: {{ x }} }</mj-style></mj-head><mj-body/></mjml>",
    ],
)
def test_a_colour_that_is_none_is_not_render(tmp_path, text, value):
    with pytest.raises(ValueError, match="#rrggbb"):
        render(tmp_path, "a.mjml.j2", text, {"x": value})


def test_text_is_derived_with_links_lists_and_tags(tmp_path):
    words = (
        "<h1>Hello {{ name }}</h1><p>One<br>two &amp; three</p>"
        "<ul>{% for n in [1, 2] %}<li>item {{ n }}</li>{% endfor %}</ul>"
        '<a href="{{ link_to }}">Join</a> <a href="https://example.com/">https://example.com/</a>'
        '<img src="https://example.com/x.png" alt="The logo">'
        '<div style="display:none">hidden</div><!-- not this -->'
    )
    _html, text = compile_file(tmp_path, "a.html.j2", PAGE.format("red", words))

    template = Environments.over(Folders.of([tmp_path])).derived.from_string(text)

    rendered = template.render(name="Anna", link_to="https://example.com/join")
    assert join_empty_lines(rendered) == (
        "Hello Anna\n\nOne\ntwo & three\n\n- item 1\n- item 2\n"
        "Join: https://example.com/join https://example.com/The logo\n"
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.mjml.j2", COLUMN.format("<mj-text>jw99wj {{ x }}</mj-text>")),
        ("a.html.j2", PAGE.format("red", "jw99wj {{ x }}<!--jw98wj-->")),
    ],
)
def test_words_that_look_like_a_masked_tag_are_words(tmp_path, name, text):
    html, derived = compile_file(tmp_path, name, text)

    assert "jw99wj {{ x }}" in html
    assert "jw99wj {{ x }}" in derived
