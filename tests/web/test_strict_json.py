"""JSON of others: what is sound is read, and nothing else, however it is broken."""

import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.web.strict_json import MAX_DEPTH, MAX_VALUES, UnsoundJson, decode_json

HALF = re.compile("[\ud800-\udfff]")
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(value=VALUES, ascii_only=st.booleans())
def test_what_was_written_is_read(value, ascii_only):
    assert decode_json(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(
    content=st.binary(max_size=60) | st.text('[]{}",:\\u0d8eE+-.1 ntf', max_size=60).map(str.encode)
)
def test_whatever_comes_is_read_or_refused_in_words(content):
    with contextlib.suppress(UnsoundJson):
        value = decode_json(content)
        whole = HALF.sub(
            "\ufffd", json.dumps(json.loads(content.decode("utf-8-sig")), ensure_ascii=False)
        )
        assert value == json.loads(whole)


def nested(depth: int, opens: str = "[", closes: str = "]") -> bytes:
    return (opens * depth + "1" + closes * depth).encode()


def test_brackets_in_a_string_do_not_count():
    assert decode_json(rb'"[[[{{{\"[[["' + b" ") == '[[[{{{"[[['
    assert decode_json(b'["' + b"[" * 1000 + b'"]') == ["[" * 1000]


def test_as_deep_as_may_be_is_read():
    assert decode_json(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (nested(MAX_DEPTH + 1), "is nested too deeply"),
        (nested(100_000), "is nested too deeply"),
        (nested(100_000, '{"a":', "}"), "is nested too deeply"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"[" + b"0," * MAX_VALUES + b"0]", "holds too many values"),
        (b"[" + b"[]," * MAX_VALUES + b"0]", "holds too many values"),
        (b'{"id": "1", "id": "2"}', "gives one name twice in an object"),
        (b'[{"a": {"id": 1, "b": 2, "id": 1}}]', "gives one name twice in an object"),
        (b'{"id": 1, "\\u0069d": 2}', "gives one name twice in an object"),
        (b'{"\\ud800": 1, "\\ud801": 2}', "gives one name twice in an object"),
        (b"1e400", "holds a number that is too large"),
        (b'{"a": [-1e400]}', "holds a number that is too large"),
        (b"9" * 10_000, "holds a number that is too large"),
        (b"-" + b"9" * 10_000, "holds a number that is too large"),
        (b"NaN", "is no JSON"),
        (b"[Infinity]", "is no JSON"),
        (b"-Infinity", "is no JSON"),
        (b'"\xff"', "is not in UTF-8"),
        ("ü".encode("latin-1"), "is not in UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is not in UTF-8"),
        (b"", "is no JSON"),
        (b"<html></html>", "is no JSON"),
        (b"{'a': 1}", "is no JSON"),
        (b'{"a": 1} {"b": 2}', "is no JSON"),
        (b'"' + rb"\"" * 1_000_000, "is no JSON"),
        (b'"a\nb"', "is no JSON"),
    ],
)
def test_what_is_not_sound_is_refused_with_the_reason(content, why):
    with pytest.raises(UnsoundJson) as refused:
        decode_json(content)

    assert str(refused.value) == why


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b' {"a": [1, 2.5, "x", true, null]} ', {"a": [1, 2.5, "x", True, None]}),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'{"a": ["Ann \ud83d"], "\udc00": 1}', {"a": ["Ann \ufffd"], "\ufffd": 1}),
        (b"62270350004123456789", 62270350004123456789),
    ],
)
def test_sound_json_is_read(content, value):
    assert decode_json(content) == value
