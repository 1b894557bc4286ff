"""Which servers may be named, and that credentials don't show."""

import contextlib

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from onboarding.ringcentral.settings import RingCentralSettings


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://platform.ringcentral.com", "https://platform.ringcentral.com"),
        ("https://platform.ringcentral.com/", "https://platform.ringcentral.com"),
        (" https://Platform.RingCentral.com ", "https://platform.ringcentral.com"),
        ("https://proxy.example.com:8443", "https://proxy.example.com:8443"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://10.0.0.1:443", "https://10.0.0.1:443"),
        ("https://bücher.example", "https://bücher.example"),
        ("https://rc_proxy.example.", "https://rc_proxy.example."),
    ],
)
def test_a_server_is_kept_as_scheme_host_and_port(written, kept):
    assert RingCentralSettings(server=written).server == kept


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("platform.ringcentral.com", "write it as https://platform.ringcentral.com"),
        ("", "write it as https://platform.ringcentral.com"),
        ("ftp://platform.ringcentral.com", "write it as https://platform.ringcentral.com"),
        ("http://platform.ringcentral.com", "plain http is for this machine only"),
        ("http://10.0.0.1", "plain http is for this machine only"),
        ("https://platform.ringcentral.com/restapi", "give scheme, host and port only"),
        ("https://user:word@platform.ringcentral.com", "give scheme, host and port only"),
        ("https://platform.ringcentral.com?x=1", "give scheme, host and port only"),
        ("https://@platform.ringcentral.com", "give scheme, host and port only"),
        ("https://platform.ringcentral.com:abc", "the port has to be a number from 1 to 65535"),
        ("https://platform.ringcentral.com:", "the port has to be a number from 1 to 65535"),
        ("https://platform.ringcentral.com:0", "the port has to be a number from 1 to 65535"),
        ("https://platform.ringcentral.com:99999", "the port has to be a number from 1 to 65535"),
        ("https://platform.ringcentral.com:-1", "the port has to be a number from 1 to 65535"),
        ("https://", "write it as https://platform.ringcentral.com"),
        ("https://:443", "write it as https://platform.ringcentral.com"),
        ("https:platform.ringcentral.com", "write it as https://platform.ringcentral.com"),
        ("https://[::1", "write it as https://platform.ringcentral.com"),
        ("https://[nonsense]", "write it as https://platform.ringcentral.com"),
        ("https://platform ringcentral.com", "the host is none that can be looked up"),
        ("https://platform..com", "the host is none that can be looked up"),
        ("https://-platform.com", "the host is none that can be looked up"),
        ("https://platform.com\\x", "the host is none that can be looked up"),
        ("https://" + "a" * 64 + ".com", "the host is none that can be looked up"),
        ("https://\ud800.example", "the host is none that can be looked up"),
        ("https://plat\x00form.example", "the host is none that can be looked up"),
        ("https://[fe80::1%25eth0]", "the host is none that can be looked up"),
    ],
)
def test_a_server_that_is_none_or_not_safe_is_refused_in_words(written, complaint):
    with pytest.raises(ValidationError, match=complaint):
        RingCentralSettings(server=written)


@given(
    host=st.text(max_size=20) | st.text("a.-[]:1%_üß@/ \\", max_size=20),
    port=st.text("0123456789:x", max_size=6),
)
def test_every_server_that_is_taken_can_be_asked(host, port):
    with contextlib.suppress(ValidationError):
        server = RingCentralSettings(server=f"https://{host}:{port}").server
        assert httpx.URL(f"{server}/path").host


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        RingCentralSettings.model_validate({"sever": "https://platform.ringcentral.com"})


def test_credentials_do_not_show():
    written = repr(
        RingCentralSettings(client_id="app", client_secret=SecretStr("hush"), jwt=SecretStr("hush"))
    )

    assert "hush" not in written
