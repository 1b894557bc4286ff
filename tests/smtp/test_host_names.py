"""`[smtp] host` is a name or an address; what people write instead is refused with what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onboarding.smtp.host_names import format_host_and_port, validate_host


@pytest.mark.parametrize(
    "host",
    [
        "smtp.example.com",
        "localhost",
        "mail",
        "127.0.0.1",
        "::1",
        "fe80::1%eth0",
        "smtp_1.example.com",
        "post.münchen.example",
    ],
)
def test_name_or_address_stays_as_it_is(host):
    assert validate_host(host) == host


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("ssl://smtp.example.com", 'host = "smtp.example.com" and security = "tls"'),
        (
            "smtps://smtp.example.com:465/",
            'host = "smtp.example.com", security = "tls" and port = 465',
        ),
        ("TLS://smtp.example.com", 'host = "smtp.example.com" and security = "tls"'),
        ("smtp://smtp.example.com:587", 'host = "smtp.example.com" and port = 587'),
        ("https://smtp.example.com", 'host = "smtp.example.com"'),
        ("smtp.example.com:587", 'host = "smtp.example.com" and port = 587'),
        ("smtp.example.com:", 'host = "smtp.example.com"'),
        (" smtp.example.com ", 'host = "smtp.example.com"'),
        ("smtp.example.com\n", 'host = "smtp.example.com"'),
        ("[::1]", 'host = "::1"'),
        ("[2001:db8::1]:587", 'host = "2001:db8::1" and port = 587'),
        ("user@smtp.example.com", 'host = "smtp.example.com"'),
        ("smtp.example.com/mail", 'host = "smtp.example.com"'),
        ("smtp.example.com:abc", "it as smtp.example.com"),
        ("smtp.example.com:99999", "it as smtp.example.com"),
        ("smtp example", "it as smtp.example.com"),
        ("[::1", "it as smtp.example.com"),
        ("{name}", "it as smtp.example.com"),
        ("-", "it as smtp.example.com"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(host, advice):
    with pytest.raises(ValueError, match="alone") as caught:
        validate_host(host)
    assert str(caught.value) == f"is the server's name or address alone; write {advice}"


@given(st.text(min_size=1))
def test_every_text_is_taken_or_refused_in_words(text):
    try:
        assert validate_host(text) == text
    except ValueError as error:
        assert "alone; write " in str(error)  # noqa: PT017 -- both ends are right


def test_an_address_with_colons_stands_in_brackets_before_a_port():
    assert [format_host_and_port(one, 25) for one in ("::1", "127.0.0.1", "a.example")] == [
        "[::1]:25",
        "127.0.0.1:25",
        "a.example:25",
    ]
