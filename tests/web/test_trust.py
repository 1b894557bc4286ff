"""Which certificates are believed, and the variables that say so."""

import os
import ssl

import pytest
import trustme

from onboarding.errors import ConfigurationError
from onboarding.web.trust import build_web_context


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
