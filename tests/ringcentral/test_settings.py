"""Which servers may be named, and that credentials don't show."""

import pytest
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
    ],
)
def test_a_server_that_is_none_or_not_safe_is_refused_in_words(written, complaint):
    with pytest.raises(ValidationError, match=complaint):
        RingCentralSettings(server=written)


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        RingCentralSettings.model_validate({"sever": "https://platform.ringcentral.com"})


def test_credentials_do_not_show():
    written = repr(RingCentralSettings(client_id="app", client_secret=SecretStr("hush"), jwt=SecretStr("hush")))

    assert "hush" not in written
