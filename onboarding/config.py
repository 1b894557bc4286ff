"""Assembles the settings that each room owns: from `config.toml`, a secrets folder and environment variables.

Later sources win: config.toml, then files in the secrets folder, then variables. A file bears its variable's name.
Secrets never stand in config.toml. Every relative path counts from config.toml's own folder, wherever the program is
started: cron would otherwise begin a second ledger and mail everybody twice. Reads no roster and no template.
"""

import difflib
import logging
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text
from onboarding.ledger.settings import SCHEME, LedgerSettings
from onboarding.messages.settings import BrandSettings
from onboarding.model.known_secrets import Secrets
from onboarding.ringcentral.settings import RingCentralSettings
from onboarding.smtp.settings import SmtpSettings

LOG = logging.getLogger("onboarding")

PREFIX = "ONBOARDING_"
VENDOR_VARIABLES = {
    "RC_SERVER_URL": "ONBOARDING_RINGCENTRAL__SERVER",
    "RC_APP_CLIENT_ID": "ONBOARDING_RINGCENTRAL__CLIENT_ID",
    "RC_APP_CLIENT_SECRET": "ONBOARDING_RINGCENTRAL__CLIENT_SECRET",
    "RC_USER_JWT": "ONBOARDING_RINGCENTRAL__JWT",
}
"""The names that RingCentral's own samples use: users have these set already."""

CONTROLS = frozenset({"ONBOARDING_CONFIG", "ONBOARDING_SECRETS_DIR"})
"""Our variables that say where to look and are no settings themselves."""

Identifier = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class WebinarSettings(BaseModel, extra="forbid", frozen=True):
    """`[webinars.NAME]`: which webinar, who is invited, and which templates write to them.

    `session` may be left out where the webinar has only one. `columns` maps our columns to the roster's headers.
    """

    webinar: Annotated[Identifier, Field(pattern=r"^\d{1,20}$")]
    session: Annotated[Identifier, Field(pattern=r"^\d{1,20}$")] | None = None
    invitees: Path
    templates: Path | None = None
    columns: dict[str, str] = {}


NAME = r"^[a-z0-9][a-z0-9_-]*$"
Name = Annotated[str, Field(pattern=NAME, max_length=64)]


class Config(BaseSettings):
    """Everything that can be set, and the `file` that it was read from; all paths in here are absolute."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    ringcentral: RingCentralSettings = RingCentralSettings()
    smtp: SmtpSettings
    brand: BrandSettings
    ledger: LedgerSettings = LedgerSettings()
    webinars: dict[Name, WebinarSettings] = {}
    file: Path
    secret_files: tuple[Path, ...] = ()
    """Files of the secrets folder whose modes are the user's own."""

    @property
    def folder(self) -> Path:
        """Where config.toml lies: what every relative path in it counts from."""
        return self.file.parent

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  -- the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take exactly what `load` hands in: the process's own environment is read there, once."""
        return (init_settings,)

    @property
    def secrets(self) -> Secrets:
        """The secrets of the configuration, for whoever shows text from outside."""
        return Secrets.of(
            self.ringcentral.client_secret, self.ringcentral.jwt, self.smtp.password, self.smtp.m365.client_secret
        )

    @property
    def private_paths(self) -> tuple[Path, ...]:
        """What only this user should be able to read: the secrets folder, its files, and a key in a file."""
        folders = dict.fromkeys(file.parent for file in self.secret_files)
        key = self.smtp.google.key_file
        return (*folders, *self.secret_files, *([key] if key else []))

    def webinar(self, name: str) -> WebinarSettings:
        """Look a webinar up. Raises ConfigurationError naming the nearest one there is."""
        if name in self.webinars:
            return self.webinars[name]
        raise ConfigurationError(
            f"there is no webinar called {name!r} in {self.file}",
            hint=_nearest(name, self.webinars) or _how_to_name(name),
        )


def _how_to_name(name: str) -> str:
    """Say how to make a name known, or how names and ids are written where it can be neither."""
    if re.fullmatch(NAME, name):
        return f"Add a section [webinars.{name}] with webinar and invitees."
    return "Write a name of config.toml (lower-case letters, digits, - and _), or WEBINAR_ID/SESSION_ID in digits."


SECTIONS = [section for section in Config.model_fields if section not in {"file", "secret_files"}]


class _Variables(EnvSettingsSource):
    """pydantic-settings' own reading of variables, over a mapping that is handed in."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(Config)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read JSON, as pydantic-settings does; what is none is left to the key's own reading, as it is in the file."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            if _is_section(field.annotation):
                raise
            return value

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}


def _read_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    """Read the variables as nested settings. Raises ConfigurationError where one stands for a whole section."""
    try:
        return _Variables(variables)()
    except SettingsError:
        whole = [name for name in variables if _is_section(_kind_of(name.removeprefix(PREFIX).lower().split("__")))]
        raise ConfigurationError(
            f"{' and '.join(whole) or 'a variable'} can't be read: it is a whole section and has keys of its own",
            hint=f"Set each key by its own variable, as {PREFIX}SMTP__HOST.",
        ) from None


def _kind_of(place: Sequence[str]) -> Any:
    """What may stand at a place; None where there is no such place."""
    kind: Any = Config
    for part in place:
        field = kind.model_fields.get(part) if _is_model(kind) else None
        kind = field.annotation if field else None
    return kind


def _is_section(kind: Any) -> bool:
    return get_origin(kind) is dict or _is_model(kind)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the whole configuration.

    `path` is `--config`; without it ONBOARDING_CONFIG counts, else config.toml in the current folder. Raises
    ConfigurationError listing everything that is wrong, each with its key and what to do.
    """
    file = (path or Path(environ.get("ONBOARDING_CONFIG") or "config.toml")).absolute()
    written = _read_toml(file)
    files = _secret_files(environ)
    variables = _known({**_ours({one.name.upper(): _secret(one) for one in files}), **_ours(environ)})
    _refuse([*_secrets_in(written, Config, file), *_misspelt_variables(variables)])
    given = _merge(written, _read_variables(variables))
    try:
        config = Config(**{**given, "file": file, "secret_files": () if _are_systemds(files, environ) else files})
    except ValidationError as error:
        problems = [_in_words(detail, written, variables, file) for detail in error.errors(include_input=False)]
        raise ConfigurationError("\n".join(problems), hint=_ADVICE) from None
    return _anchored(config)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        text = read_text(file)
        if "\0" in text:  # UTF-16 without a byte order mark: every second byte of plain text is zero
            raise _not_utf8(file)
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no {file}",
            hint="Make a folder ready with `onboarding init`, or name the file with --config or ONBOARDING_CONFIG.",
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{file} can't be read: {error.strerror}", hint="It has to be a text file.") from None
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except RecursionError:
        raise ConfigurationError(f"{file} nests too deeply", hint="Its sections and lists are flat.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}", hint="Text stands in quotes there.") from None


def _not_utf8(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{file} is not saved as UTF-8",
        hint="Open it in an editor and save it again with the encoding UTF-8 (not UTF-16 or Unicode).",
    )


def _secret_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """List the secrets folder: our own variable names it, else systemd does."""
    named = environ.get("ONBOARDING_SECRETS_DIR")
    folder = Path(named or environ.get("CREDENTIALS_DIRECTORY") or "")
    if not named and not environ.get("CREDENTIALS_DIRECTORY"):
        return ()
    try:
        return tuple(file for file in folder.iterdir() if file.name.upper().startswith((PREFIX, "RC_")))
    except OSError as error:
        raise ConfigurationError(
            f"the secrets folder {folder} can't be read: {error.strerror}", hint="Check ONBOARDING_SECRETS_DIR."
        ) from None


def _are_systemds(files: Sequence[Path], environ: Mapping[str, str]) -> bool:
    """Tell whether the secrets lie where systemd has put them: their modes are its own matter."""
    handed_over = environ.get("CREDENTIALS_DIRECTORY")
    return bool(handed_over) and all(file.parent.resolve() == Path(handed_over or "").resolve() for file in files)


def _secret(file: Path) -> str:
    """Read a file of the secrets folder. No message holds a byte of it."""
    try:
        return read_text(file).strip()
    except OSError as error:
        raise ConfigurationError(
            f"the secret {file} can't be read: {error.strerror}", hint="It has to be a text file that you may read."
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the secret {file} is no text", hint="It has to be a text file in UTF-8.") from None


def _ours(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that concern us, the vendor's under our own names; ours win over the vendor's."""
    vendors = {ours: _line(environ[theirs]) for theirs, ours in VENDOR_VARIABLES.items() if environ.get(theirs)}
    own = {name.upper(): _line(value) for name, value in environ.items() if name.upper().startswith(PREFIX)}
    return {**vendors, **{name: value for name, value in own.items() if name not in CONTROLS}}


def _line(value: str) -> str:
    """Leave out what an editor put around a value: `$(cat FILE)` hands on a byte order mark and a carriage return."""
    return value.removeprefix("\ufeff").strip("\r\n")


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _known(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out what is none of our variables, and say so: another program may use the same prefix."""
    known = {name: value for name, value in variables.items() if _section_meant(name)}
    for name in variables:
        if name not in known:
            LOG.warning("the unknown variable %s is left out", name)
    return known


def _misspelt_variables(variables: Mapping[str, str]) -> Iterator[str]:
    for name in variables:
        section = _section_meant(name)
        written, _, key = name.removeprefix(PREFIX).partition("__")
        if written.lower() != section:
            key = key or written[len(section) + 1 :]
            yield f"unknown variable {name}. Did you mean {PREFIX}{section.upper()}__{key}?"


def _section_meant(name: str) -> str:
    """The section that a variable names, or nearly: misspelt, or with one underscore too few. Empty: none of ours."""
    written = name.removeprefix(PREFIX).partition("__")[0].lower()
    close = difflib.get_close_matches(written, SECTIONS, n=1, cutoff=0.6)
    begun = [section for section in SECTIONS if written.startswith(f"{section}_")]
    return next(iter([*close, *begun]), "")


def _secrets_in(written: Any, model: type[BaseModel], file: Path, place: tuple[str, ...] = ()) -> Iterator[str]:
    """Name every secret that stands in config.toml, never its value."""
    for key, field in model.model_fields.items():
        if not isinstance(written, Mapping) or key not in written:
            continue
        here = (*place, key)
        if SecretStr in (field.annotation, *get_args(field.annotation)) or here == ("ringcentral", "client_id"):
            yield f"{file}: {_key(here)} is a secret and must not stand in the file: {_where_to_put(here)}"
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _secrets_in(written[key], field.annotation, file, here)
            yield from _variables_in(written[key], file, here)


def _variables_in(section: Any, file: Path, place: tuple[str, ...]) -> Iterator[str]:
    """Name a secret's variable that was written into the file as if it were a key."""
    for key in section if isinstance(section, Mapping) else ():
        if key.upper() in VENDOR_VARIABLES or key.upper().startswith(PREFIX):
            what = "is a variable's name and no key: delete it there, and set the variable instead"
            yield f"{file}: {_key((*place, key))} {what}"


def _where_to_put(place: tuple[str, ...]) -> str:
    variable = PREFIX + "__".join(place).upper()
    vendors = [theirs for theirs, ours in VENDOR_VARIABLES.items() if ours == variable]
    name = vendors[0] if vendors else variable
    return f"delete it there, and set the variable {name} or put it into a file of that name in the secrets folder"


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ConfigurationError("\n".join(problems), hint=_ADVICE)


def _in_words(detail: Any, written: Mapping[str, Any], variables: Mapping[str, str], file: Path) -> str:
    """One validation error as a sentence: where it stands, what is wrong, the nearest right key."""
    place = tuple(str(part) for part in detail["loc"] if part != "[key]")
    where = _where(place, written, variables, file)
    match detail["type"]:
        case "extra_forbidden":
            return f"{where}: unknown key. {_nearest(place[-1], _keys_beside(place))}".strip()
        case "missing":
            return f"{file}: {_key(place)} is missing"
        case "string_pattern_mismatch":
            return f"{where}: {_pattern(place)}"
        case kind:
            if plain := PLAIN.get(kind):
                return f"{where}: {plain.format(**detail.get('ctx', {}))}"
            return f"{where}: {detail['msg'].removeprefix('Value error, ')}"


PLAIN = {
    "int_parsing": "has to be a whole number",
    "int_type": "has to be a whole number",
    "float_parsing": "has to be a number",
    "bool_parsing": "has to be true or false",
    "string_type": "has to be a text in quotes",
    "string_too_short": "must not be empty",
    "greater_than_equal": "has to be at least {ge}",
    "less_than_equal": "has to be at most {le}",
    "greater_than": "has to be more than {gt}",
    "literal_error": "has to be {expected}",
    "enum": "has to be {expected}",
    "model_type": "has to be a section with keys of its own",
    "dict_type": "has to be a section with keys of its own",
}
"""The commonest mistakes in plain words, by pydantic's names for them."""


def _pattern(place: tuple[str, ...]) -> str:
    """What a text has to look like that does not fit its pattern."""
    match place:
        case (*_, "webinar" | "session"):
            return "has to be RingCentral's id, digits only (`onboarding webinars` lists them)"
        case ("webinars", *_):
            return "a webinar's name has to be lower-case letters, digits, - and _ (it is typed in commands)"
        case (_, "colours", *_):
            return "a colour is written as #rrggbb"
        case ("ledger", "database"):
            return "is written as sqlite:///FILE.db"
    return "is not written as it has to be"


def _where(place: tuple[str, ...], written: Mapping[str, Any], variables: Mapping[str, str], file: Path) -> str:
    """The variable that a wrong value came from, since variables win; else the key in the file."""
    variable = PREFIX + "__".join(place).upper()
    if variable in variables:
        vendors = [theirs for theirs, ours in VENDOR_VARIABLES.items() if ours == variable]
        return " or ".join([variable, *vendors])
    return f"{file}: {_key(place)}" if _stands_in(written, place) else _key(place)


def _key(place: tuple[str, ...]) -> str:
    """`[smtp] port`, as it stands in the file, or a section's name alone."""
    return f"[{'.'.join(place[:-1])}] {place[-1]}" if len(place) > 1 else f"[{place[0]}]"


def _stands_in(written: Any, place: tuple[str, ...]) -> bool:
    for part in place:
        if not isinstance(written, Mapping) or part not in written:
            return False
        written = written[part]
    return True


def _keys_beside(place: tuple[str, ...]) -> list[str]:
    """The right keys of the section in which a wrong one stands."""
    model: type[BaseModel] = Config
    for part in place[:-1]:
        field = model.model_fields.get(part)
        inner = field.annotation if field else WebinarSettings
        model = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else WebinarSettings
    return SECTIONS if model is Config else [*model.model_fields]


def _nearest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word.lower(), [*known], n=1, cutoff=0.5)
    return f"Did you mean {close[0]}?" if close else ""


def _anchored(config: Config) -> Config:
    """Let every relative path count from config.toml's folder."""
    folder = config.folder
    updates = {
        "smtp": _smtp(folder, config.smtp),
        "brand": config.brand.model_copy(update={"logo": _logo(folder, config.brand.logo)}),
        "ledger": config.ledger.model_copy(update={"database": _database(folder, config.ledger.database)}),
        "webinars": {name: _webinar(folder, one) for name, one in config.webinars.items()},
    }
    return config.model_copy(update=updates)


def _smtp(folder: Path, smtp: SmtpSettings) -> SmtpSettings:
    ca_file, key_file = smtp.ca_file, smtp.google.key_file
    google = smtp.google.model_copy(update={"key_file": key_file and folder / key_file})
    return smtp.model_copy(update={"ca_file": ca_file and folder / ca_file, "google": google})


def _database(folder: Path, database: str) -> str:
    return f"{SCHEME}{folder / database.removeprefix(SCHEME)}"


def _logo(folder: Path, logo: str) -> str:
    return logo if not logo or "://" in logo else str(folder / logo)


def _webinar(folder: Path, webinar: WebinarSettings) -> WebinarSettings:
    templates = folder / webinar.templates if webinar.templates else None
    return webinar.model_copy(update={"invitees": folder / webinar.invitees, "templates": templates})


_ADVICE = "The config.toml that `onboarding init` writes explains every key."
