"""Reads the whole configuration, and says in plain sentences what is wrong with it.

Later sources win: config.toml, then the secrets folder, then variables. Each problem names the file
and the key, or the variable, and the nearest right key. None holds a secret's value.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError

from onboarding.config.companies import STAND_INS, list_left_out, list_needing
from onboarding.config.company_faults import list_company_faults
from onboarding.config.environment import (
    VENDOR_VARIABLES,
    are_from_systemd,
    find_misspelt,
    is_model,
    list_secret_files,
    name_companies,
    parse_variables,
    read_environment,
    vendor_names,
)
from onboarding.config.settings import PREFIX, SECTIONS, Config, resolve_paths, suggest
from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text

SECRETS_FOLDER = "secrets"
"""Where secrets are found without a variable: in the folder of config.toml."""


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the whole configuration.

    `path` is `--config`; without it ONBOARDING_CONFIG counts, else config.toml in the current
    folder. Raises ConfigurationError that lists everything that is wrong, each with its key and
    what to do.
    """
    # `absolute`, not `resolve`: paths count from the folder of the link, where config.toml is one.
    file = (path or Path(environ.get("ONBOARDING_CONFIG") or "config.toml")).absolute()
    content = _read_toml(file)
    secret_files = list_secret_files(environ, file.parent / SECRETS_FOLDER)
    variables = read_environment(environ, secret_files)
    # Before the two are merged: a secret in the file is refused even if a variable replaces it.
    if problems := [*find_secrets(content, Config, file), *find_misspelt(variables)]:
        raise ConfigurationError("\n".join(problems), hint=ADVICE)
    # Only what the user has put there: systemd sets the modes of its files itself.
    own_files = () if are_from_systemd(secret_files, environ) else secret_files
    merged = _merge(content, name_companies(parse_variables(variables), content))
    left_out = list_left_out(merged)
    values = {
        **{section: STAND_INS[section] for section in left_out},
        **merged,
        "stand_ins": left_out,
        "file": file,
        "secret_files": own_files,
    }
    try:
        config = resolve_paths(Config(**values))
    except ValidationError as error:
        # Without the input: it may be a secret.
        details = error.errors(include_input=False)
    else:
        if faults := [f"{file}: {fault}" for fault in list_company_faults(config)]:
            raise ConfigurationError("\n".join(faults), hint=ADVICE)
        return config
    # Outside of `except`: pydantic's error, which holds the input, is not the context of ours.
    problems = [describe_error(detail, content, variables, file) for detail in details]
    raise ConfigurationError("\n".join(problems), hint=ADVICE)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_read_utf8(file))
    except RecursionError:
        raise ConfigurationError(
            f"{file} nests too deeply.", hint="Its sections and lists are flat."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{file} is not valid TOML: {error}.", hint="Write text in quotes."
        ) from None


def _read_utf8(file: Path) -> str:
    try:
        text = read_text(file)
    except FileNotFoundError:
        raise ConfigurationError(
            f"There is no {file}.",
            hint="Create a folder with `onboarding init`, "
            "or name the file with --config or ONBOARDING_CONFIG.",
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be read: {error.strerror}.", hint="It has to be a text file."
        ) from None
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    # UTF-16 without a byte order mark: every second byte of plain text is zero.
    if "\0" in text:
        raise _not_utf8(file)
    return text


def _not_utf8(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{file} is not saved as UTF-8.",
        hint="Open it in an editor and save it again with the encoding UTF-8 "
        "(not UTF-16 or Unicode).",
    )


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested settings; of two values for one key, the one above wins."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


ADVICE = (
    "The config.toml that `onboarding init` writes explains the usual keys. "
    "The reference, which is with the program's source, explains all."
)

ALSO_SECRET = frozenset({("ringcentral", "client_id"), ("accounts", "client_id")})
"""Section and key of what is no password but belongs to a secret, and is kept beside it."""

PLAIN = {
    "int_parsing": "It has to be a whole number.",
    "int_type": "It has to be a whole number.",
    "float_parsing": "It has to be a number.",
    "bool_parsing": "It has to be true or false.",
    "string_type": "It has to be a text in quotes.",
    "string_too_short": "It must not be empty.",
    "greater_than_equal": "It has to be at least {ge}.",
    "less_than_equal": "It has to be at most {le}.",
    "greater_than": "It has to be more than {gt}.",
    "literal_error": "It has to be {expected}.",
    "enum": "It has to be {expected}.",
    "model_type": "It has to be a section with keys of its own.",
    "dict_type": "It has to be a section with keys of its own.",
}
"""The most common mistakes in plain words, by pydantic's names for them."""


def find_secrets(
    content: Any, model: type[BaseModel], file: Path, path: tuple[str, ...] = ()
) -> Iterator[str]:
    """Name every secret that is written in config.toml, never its value."""
    for key, field in model.model_fields.items():
        if not isinstance(content, Mapping) or key not in content:
            continue
        key_path = (*path, key)
        inner = field.annotation
        is_beside_secret = (key_path[0], key) in ALSO_SECRET
        if _holds_secret(inner) or is_beside_secret:
            yield f"{file}: {_format_key(key_path)} is a secret. {_advice_for_secret(key_path)}"
        elif is_model(inner):
            yield from find_secrets(content[key], inner, file, key_path)
            yield from _find_variables(content[key], file, key_path)
        elif is_model(named := _model_of_names(inner)):
            # Sections with a name of the user's, as [console.users.NAME].
            sections = content[key] if isinstance(content[key], Mapping) else {}
            for name, section in sections.items():
                yield from find_secrets(section, named, file, (*key_path, name))
                yield from _find_variables(section, file, (*key_path, name))


def _holds_secret(kind: Any) -> bool:
    """Whether a type is `SecretStr`, also as `SecretStr | None` and with a check of its own."""
    return kind is SecretStr or any(map(_holds_secret, get_args(kind)))


def _model_of_names(kind: Any) -> Any:
    """The type of the values of a table that has names as keys; None for any other type."""
    return get_args(kind)[-1] if get_origin(kind) is dict else None


def _name_variable(path: tuple[str, ...]) -> str:
    """Name a setting's variable. It has `_` where the user's name for a section has a hyphen."""
    return PREFIX + "__".join(path).upper().replace("-", "_")


def _find_variables(section: Any, file: Path, path: tuple[str, ...]) -> Iterator[str]:
    """Name a secret's variable that was written into the file as if it were a key."""
    for key in section if isinstance(section, Mapping) else ():
        if key.upper() in VENDOR_VARIABLES or key.upper().startswith(PREFIX):
            where = f"{file}: {_format_key((*path, key))}"
            yield f"{where} is the name of a variable. Delete it there, and set the variable."


def _advice_for_secret(path: tuple[str, ...]) -> str:
    variable = _name_variable(path)
    name = next(iter(vendor_names(variable)), variable)
    return (
        f"Delete it there, and set the variable {name} "
        "or put it into a file of that name in the secrets folder."
    )


def describe_error(
    detail: Any, content: Mapping[str, Any], variables: Mapping[str, str], file: Path
) -> str:
    """Say of one of pydantic's errors where it is and what is wrong, with the nearest right key."""
    # pydantic adds `[key]` where it is the name of a table that is wrong.
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    where = _name_source(path, content, variables, file)
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: Unknown key. {suggest(path[-1], _sibling_keys(path))}".strip()
        case "missing":
            return f"{file}: {_format_key(path)} is missing.{_name_needing(path, content)}"
        case "string_pattern_mismatch":
            return f"{where}: {_describe_form(path)}"
        case kind if kind in PLAIN:
            return f"{where}: {PLAIN[kind].format(**detail.get('ctx', {}))}"
        case _:
            return f"{where}: {_as_sentence(detail['msg'].removeprefix('Value error, '))}"


def _name_needing(path: tuple[str, ...], content: Mapping[str, Any]) -> str:
    """Say which webinar needs a plain section that is missing, where others name their own."""
    needing = list_needing(content, path[0]) if path[0] in STAND_INS else []
    if not needing or len(needing) == len(content["webinars"]):
        return ""
    return f" [webinars.{needing[0]}] names no {path[0]} of its own."


def _as_sentence(text: str) -> str:
    """Give a validator's words a capital and a full stop."""
    is_word = _FIRST_WORD.match(text) is not None
    begun = text[:1].upper() + text[1:] if is_word else text
    return begun if begun.endswith((".", "?", "!")) else f"{begun}."


_FIRST_WORD = re.compile(r"[a-z]+[ ,](?!=)")
"""A word of the language. A key (`auth = ...`) or a host stays as it is written in the file."""


def _describe_form(path: tuple[str, ...]) -> str:
    """Say what a text has to look like that does not match its pattern."""
    match path:
        case (*_, "webinar" | "session"):
            return "It has to be RingCentral's id, digits only (`onboarding webinars` lists them)."
        case (*_, "colours", _):
            return "A colour is written as #rrggbb."
        case ("ledger", "database"):
            return "It is written as sqlite:///FILE.db or postgresql+psycopg://USER@HOST/DATABASE."
    return _describe_name(path)


def _describe_name(path: tuple[str, ...]) -> str:
    """Say how a section's name is written, of those that the user chooses."""
    match path:
        case ("console", "users", *_):
            return "A user's name has to be of lower-case letters, digits and single _."
        case ("accounts" | "brands" | "smtp_servers", *_):
            return "Its name has to be of lower-case letters, digits and single - and _."
        case ("webinars" | "reports" as section, *_):
            what = section.removesuffix("s")
            return f"A {what}'s name has to be of lower-case letters, digits, - and _."
    return "It is not written as it has to be."


def _name_source(
    path: tuple[str, ...], content: Mapping[str, Any], variables: Mapping[str, str], file: Path
) -> str:
    """Name where a wrong value came from: the variable, because variables win, or else the key."""
    variable = _name_variable(path)
    if variable in variables:
        return " or ".join([variable, *vendor_names(variable)])
    return f"{file}: {_format_key(path)}" if _is_in_file(content, path) else _format_key(path)


def _format_key(path: tuple[str, ...]) -> str:
    """Write a key as in the file, `[smtp] port`, or a section's name alone."""
    return f"[{'.'.join(path[:-1])}] {path[-1]}" if len(path) > 1 else f"[{path[0]}]"


def _is_in_file(content: Any, path: tuple[str, ...]) -> bool:
    for part in path:
        if not isinstance(content, Mapping) or part not in content:
            return False
        content = content[part]
    return True


def _sibling_keys(path: tuple[str, ...]) -> list[str]:
    """List the keys of the section in which a wrong one was written."""
    kind: Any = Config
    for part in path[:-1]:
        if is_model(kind):
            field = kind.model_fields.get(part)
            kind = field.annotation if field else None
        else:
            # A name of the user's, as in [webinars.NAME]: its table's type is the last argument.
            kind = get_args(kind)[-1]
    return SECTIONS if kind is Config else [*kind.model_fields]
