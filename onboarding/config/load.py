"""Reads the whole configuration. Later sources win: config.toml, then the secrets folder, then variables."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from onboarding.config.environment import (
    are_from_systemd,
    find_misspelt,
    list_secret_files,
    parse_variables,
    read_environment,
)
from onboarding.config.problems import ADVICE, describe_error, find_secrets
from onboarding.config.settings import Config, resolve_paths
from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the whole configuration.

    `path` is `--config`; without it ONBOARDING_CONFIG counts, else config.toml in the current
    folder. Raises ConfigurationError that lists everything that is wrong, each with its key and
    what to do.
    """
    file = (path or Path(environ.get("ONBOARDING_CONFIG") or "config.toml")).absolute()
    content = _read_toml(file)
    secret_files = list_secret_files(environ)
    variables = read_environment(environ, secret_files)
    if problems := [*find_secrets(content, Config, file), *find_misspelt(variables)]:
        raise ConfigurationError("\n".join(problems), hint=ADVICE)
    values = _merge(content, parse_variables(variables))
    values["file"] = file
    values["secret_files"] = () if are_from_systemd(secret_files, environ) else secret_files
    try:
        config = Config(**values)
    except ValidationError as error:
        details = error.errors(include_input=False)  # the input may be a secret
        problems = [describe_error(detail, content, variables, file) for detail in details]
        raise ConfigurationError("\n".join(problems), hint=ADVICE) from None
    return resolve_paths(config)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        text = read_text(file)
        if (
            "\0" in text
        ):  # UTF-16 without a byte order mark: every second byte of plain text is zero
            raise _not_utf8(file)
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no {file}",
            hint="Make a folder ready with `onboarding init`, or name the file with --config or ONBOARDING_CONFIG.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be read: {error.strerror}", hint="It has to be a text file."
        ) from None
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except RecursionError:
        raise ConfigurationError(
            f"{file} nests too deeply", hint="Its sections and lists are flat."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file} is not valid TOML: {error}", hint="Text stands in quotes there."
        ) from None


def _not_utf8(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{file} is not saved as UTF-8",
        hint="Open it in an editor and save it again with the encoding UTF-8 (not UTF-16 or Unicode).",
    )


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested settings; of two values for one key, the one above wins."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged
