"""Which proxy and which certificates the variables name; one that is wrong is named."""

import contextlib
import os
import ssl

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from onboarding.errors import ConfigurationError
from onboarding.web.variables import Proxy, build_web_context, find_proxy

RINGCENTRAL = "https://platform.example"
SIX = "https://[2001:db8::7]:8443"
PROXY = "http://proxy.example:3128"
FOUND = Proxy(PROXY, "proxy.example:3128")


@pytest.mark.parametrize(
    ("url", "environ", "found"),
    [
        (RINGCENTRAL, {}, None),
        (RINGCENTRAL, {"HTTPS_PROXY": PROXY}, FOUND),
        (RINGCENTRAL, {"https_proxy": PROXY}, FOUND),
        (RINGCENTRAL, {"https_proxy": PROXY, "HTTPS_PROXY": "http://other.example"}, FOUND),
        (RINGCENTRAL, {"https_proxy": "", "HTTPS_PROXY": PROXY}, None),
        (RINGCENTRAL, {"ALL_PROXY": PROXY}, FOUND),
        (RINGCENTRAL, {"HTTPS_PROXY": PROXY, "ALL_PROXY": "socks5://other.example"}, FOUND),
        (RINGCENTRAL, {"HTTP_PROXY": PROXY}, None),
        (RINGCENTRAL, {"HTTPS_PROXY": "proxy.example:3128"}, FOUND),
        (RINGCENTRAL, {"HTTPS_PROXY": f" {PROXY}/ "}, FOUND),
        (
            RINGCENTRAL,
            {"HTTPS_PROXY": "https://proxy.example"},
            Proxy("https://proxy.example", "proxy.example"),
        ),
        (
            RINGCENTRAL,
            {"HTTPS_PROXY": "http://[::1]:3128"},
            Proxy("http://[::1]:3128", "[::1]:3128"),
        ),
        (
            RINGCENTRAL,
            {"ALL_PROXY": "socks://proxy.example:1080"},
            Proxy("socks5h://proxy.example:1080", "proxy.example:1080"),
        ),
        (
            RINGCENTRAL,
            {"ALL_PROXY": "socks5://proxy.example"},
            Proxy("socks5h://proxy.example", "proxy.example"),
        ),
        (
            RINGCENTRAL,
            {"ALL_PROXY": "SOCKS5H://proxy.example"},
            Proxy("socks5h://proxy.example", "proxy.example"),
        ),
        (
            RINGCENTRAL,
            {"HTTPS_PROXY": "http://user:p%40ss@proxy.example:3128"},
            Proxy("http://user:p%40ss@proxy.example:3128", "proxy.example:3128"),
        ),
        ("http://127.0.0.1:8031", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY}, None),
        ("https://localhost:8031", {"HTTPS_PROXY": PROXY}, None),
        ("https://[::1]:8031", {"HTTPS_PROXY": PROXY}, None),
    ],
)
def test_variables_name_the_proxy(url, environ, found):
    assert find_proxy(url, environ) == found


@pytest.mark.parametrize(
    ("url", "exceptions", "excepted"),
    [
        (RINGCENTRAL, "*", True),
        (RINGCENTRAL, "platform.example", True),
        (RINGCENTRAL, "PLATFORM.Example.", True),
        (RINGCENTRAL, "example", True),
        (RINGCENTRAL, ".example", True),
        (RINGCENTRAL, "*.example", True),
        (RINGCENTRAL, "form.example", False),
        (RINGCENTRAL, "platform.example.com", False),
        (RINGCENTRAL, "a.example, platform.example", True),
        (RINGCENTRAL, "a.example platform.example", True),
        (RINGCENTRAL, "platform.example:443", True),
        (RINGCENTRAL, "platform.example:8443", False),
        (RINGCENTRAL, "::1, fe80::/10, [fd00::]/8, [fe80::1]:443, 10.0.0.0/8", False),
        (RINGCENTRAL, "fe80::zz, [::, 10.0.0.0/99, :443, [, ]:x, platform.example:x", False),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.3", True),
        ("https://10.1.2.3", "10.1.2.3:443", True),
        ("https://10.1.2.3", "2.3", False),
        ("https://10.1.2.3", "10.1.2.3:" + "4" * 5_000, False),
        (SIX, "2001:db8::7", True),
        (SIX, "2001:0DB8:0::7", True),
        (SIX, "[2001:db8::7]", True),
        (SIX, "[2001:db8::7]:8443", True),
        (SIX, "[2001:db8::7]:443", False),
        (SIX, "2001:db8::/32", True),
        (SIX, "[2001:db8::]/32", True),
        (SIX, "::1", False),
        (SIX, "*", True),
    ],
)
def test_no_proxy_makes_exceptions(url, exceptions, excepted):
    for name in ("NO_PROXY", "no_proxy"):
        assert find_proxy(url, {"HTTPS_PROXY": PROXY, name: exceptions}) == (
            None if excepted else FOUND
        )


@pytest.mark.parametrize(
    "value",
    [
        "ftp://proxy.example",
        "socks4://proxy.example",
        "http://",
        "http://:3128",
        "http://proxy.example:port",
        "http://proxy.example:99999",
        "http://[::1",
        "http://hush:word@",
        "http://proxy.example/path",
        "http://pro xy.example",
        "://",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_variable_that_is_no_proxy_is_named_and_not_repeated(name, value):
    with pytest.raises(ConfigurationError) as raised:
        find_proxy(RINGCENTRAL, {name: value})

    assert raised.value.message == f"The environment variable {name} is no proxy that can be used."
    assert "hush" not in str(raised.value)


@given(value=st.text(max_size=30), exceptions=st.text("a.:*[]/,0-f ", max_size=30))
def test_whatever_the_variables_hold_is_understood_or_named(value, exceptions):
    with contextlib.suppress(ConfigurationError):
        find_proxy(SIX, {"HTTPS_PROXY": value, "NO_PROXY": exceptions})


def test_usual_authorities_are_trusted_where_no_variable_is_set():
    assert len(build_web_context({}).get_ca_certs()) > 50


def test_file_of_a_variable_replaces_them(tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "ca.pem")

    assert len(build_web_context({"SSL_CERT_FILE": str(tmp_path / "ca.pem")}).get_ca_certs()) == 1


def test_folder_of_a_variable_replaces_them(tmp_path):
    assert build_web_context({"SSL_CERT_DIR": str(tmp_path)}).get_ca_certs() == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_empty_variable_counts_as_none(name):
    assert build_web_context({name: ""}).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("variable", "name", "why"),
    [
        ("SSL_CERT_FILE", "missing", "No such file or directory"),
        ("SSL_CERT_FILE", ".", "it is a directory, and not a regular file"),
        ("SSL_CERT_FILE", "fifo", "it is a FIFO, and not a regular file"),
        ("SSL_CERT_FILE", "text", "it holds no certificate"),
        ("SSL_CERT_DIR", "missing", "it is no folder"),
        ("SSL_CERT_DIR", "text", "it is no folder"),
    ],
)
def test_variable_that_leads_nowhere_is_named(tmp_path, variable, name, why):
    (tmp_path / "text").write_text("no certificate")
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / name

    with pytest.raises(ConfigurationError) as raised:
        build_web_context({variable: str(path)})

    assert (
        raised.value.message
        == f"The environment variable {variable} names {path}, which can't be used: {why}."
    )
