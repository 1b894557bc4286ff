"""Environment variables and the secrets folder, as nested settings.

A file of the secrets folder is named like the variable that it replaces; variables win over files.
RingCentral's own variable names count too. Secrets are never shown: a message names the variable or
the file.
"""

import difflib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from onboarding.config.companies import COMPANY_SECTIONS, as_variable_part
from onboarding.config.settings import PREFIX, SECTIONS, Config, suggest
from onboarding.errors import ConfigurationError
from onboarding.files.read import read_text

LOG = logging.getLogger("onboarding")

VENDOR_VARIABLES = {
    "RC_SERVER_URL": "ONBOARDING_RINGCENTRAL__SERVER",
    "RC_APP_CLIENT_ID": "ONBOARDING_RINGCENTRAL__CLIENT_ID",
    "RC_APP_CLIENT_SECRET": "ONBOARDING_RINGCENTRAL__CLIENT_SECRET",
    "RC_USER_JWT": "ONBOARDING_RINGCENTRAL__JWT",
}
"""The names that RingCentral's own samples use: users may have them set already."""

CONTROLS = frozenset({"ONBOARDING_CONFIG", "ONBOARDING_SECRETS_DIR"})
"""Variables of ours that say where to look; they are no settings themselves."""


def vendor_names(variable: str) -> list[str]:
    """RingCentral's names for one of our variables."""
    return [theirs for theirs, ours in VENDOR_VARIABLES.items() if ours == variable]


def read_environment(environ: Mapping[str, str], secret_files: Sequence[Path]) -> dict[str, str]:
    """Read secret files and variables together. Variables win; unknown ones are left out."""
    secrets = {file.name.upper(): _read_secret(file) for file in secret_files}
    # Each gets our names first, so the vendor's variable wins over a file with our name for it.
    return _remove_unknown({**_select_variables(secrets), **_select_variables(environ)})


def list_secret_files(environ: Mapping[str, str], beside: Path) -> tuple[Path, ...]:
    """List the secrets folder: the one that our variable names, else systemd's, else `beside`.

    `beside` is the folder next to config.toml; it need not exist. Raises ConfigurationError if the
    folder can't be read.
    """
    named = environ.get("ONBOARDING_SECRETS_DIR") or environ.get("CREDENTIALS_DIRECTORY")
    # Only the folder beside config.toml may be missing; one that was named is an error then.
    if not (named or beside.exists()):
        return ()
    folder = Path(named) if named else beside
    try:
        # Other files may lie there too: Kubernetes mounts a folder `..data`, systemd all that
        # the unit's other programs need.
        return tuple(
            file for file in folder.iterdir() if file.name.upper().startswith((PREFIX, "RC_"))
        )
    except OSError as error:
        hint = (
            "Check ONBOARDING_SECRETS_DIR." if named else "It has to be a folder that you may read."
        )
        raise ConfigurationError(
            f"The secrets folder {folder} can't be read: {error.strerror}.", hint=hint
        ) from None


def are_from_systemd(files: Sequence[Path], environ: Mapping[str, str]) -> bool:
    """Whether systemd has put the secrets where they are: then it has set their modes, too."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return bool(credentials) and all(
        file.parent.resolve() == Path(credentials or "").resolve() for file in files
    )


def find_misspelt(variables: Mapping[str, str]) -> Iterator[str]:
    """Name each variable that misspells its section, with what was probably meant."""
    for name in variables:
        section = _nearest_section(name)
        written, _, key = name.removeprefix(PREFIX).partition("__")
        if written.lower() != section:
            # With an underscore too few, the key is what follows the section's name.
            key = key or written[len(section) + 1 :]
            yield f"Unknown variable {name}. Did you mean {PREFIX}{section.upper()}__{key}?"


def parse_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    """Read the variables as nested settings.

    Raises ConfigurationError if the name of one is that of a whole section.
    """
    try:
        return _VariablesSource(variables)()
    except SettingsError:
        # pydantic's error does not say which variable. Its cause holds the value, which may be a
        # secret: so `from None` below.
        paths = {name: name.removeprefix(PREFIX).lower().split("__") for name in variables}
        whole = [name for name, path in paths.items() if _is_section(_annotation_at(path))]
        names = " and ".join(whole) or "A variable"
        raise ConfigurationError(
            f"{names} can't be read: it is a whole section and has keys of its own.",
            hint=f"Set each key by its own variable, as {PREFIX}SMTP__HOST.",
        ) from None


def name_companies(values: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Give what variables say of companies' sections their names in config.toml.

    A variable's name has no hyphen. What is of no section is left out, with a warning: a former
    client's secret must stop no run.
    """
    return {
        section: _match_names(section, found, content) if section in COMPANY_SECTIONS else found
        for section, found in values.items()
    }


def _match_names(section: str, found: Any, content: Mapping[str, Any]) -> Any:
    named = content.get(section)
    if not (isinstance(found, Mapping) and isinstance(named, Mapping | None)):
        return found
    names = {as_variable_part(name): name for name in named or ()}
    for written in found:
        if written not in names:
            near = suggest(written, names)
            LOG.warning(
                "There is no [%s.%s], so its variables are left out. %s", section, written, near
            )
    return {names[written]: values for written, values in found.items() if written in names}


class _VariablesSource(EnvSettingsSource):
    """What pydantic-settings reads from variables, over a given mapping."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        # Before `super().__init__`, which reads them at once.
        self._variables = variables
        super().__init__(Config)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Read JSON, as pydantic-settings does; the key's own parser reads anything else."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            if _is_section(field.annotation):
                raise
            return value

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}


def _annotation_at(path: Sequence[str]) -> Any:
    """The type of the setting at a path of keys; None if there is no such setting."""
    kind: Any = Config
    for part in path:
        field = kind.model_fields.get(part) if is_model(kind) else None
        kind = field.annotation if field else None
    return kind


def _is_section(kind: Any) -> bool:
    return get_origin(kind) is dict or is_model(kind)


def is_model(kind: Any) -> TypeGuard[type[BaseModel]]:
    """Tell whether a setting's type is a model: a section with keys of its own."""
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _read_secret(file: Path) -> str:
    """Read a file of the secrets folder. No message holds a byte of it."""
    try:
        # Editors and `echo` add a line end, which a server would count as part of the password.
        return read_text(file).strip()
    except OSError as error:
        raise ConfigurationError(
            f"The secret {file} can't be read: {error.strerror}.",
            hint="It has to be a text file that you may read.",
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"The secret {file} is not text.", hint="It has to be a text file in UTF-8."
        ) from None


def _select_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Take the variables that are for us. The vendor's get our names; ours win over them."""
    vendors = {
        ours: _strip_ends(environ[theirs])
        for theirs, ours in VENDOR_VARIABLES.items()
        if environ.get(theirs)
    }
    own = {
        name.upper(): _strip_ends(value)
        for name, value in environ.items()
        if name.upper().startswith(PREFIX)
    }
    return {**vendors, **{name: value for name, value in own.items() if name not in CONTROLS}}


def _strip_ends(value: str) -> str:
    """Remove the byte order mark and carriage return that `$(cat FILE)` passes on from a file."""
    return value.removeprefix("\ufeff").strip("\r\n")


def _remove_unknown(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out unknown variables, with a warning: another program may use the same prefix."""
    known = {name: value for name, value in variables.items() if _nearest_section(name)}
    for name in variables:
        if name not in known:
            LOG.warning("The unknown variable %s is left out.", name)
    return known


def _nearest_section(name: str) -> str:
    """Find the section that a variable names or nearly names; empty if there is none.

    Nearly: misspelt, or with an underscore too few.
    """
    written = name.removeprefix(PREFIX).partition("__")[0].lower()
    similar = difflib.get_close_matches(written, SECTIONS, n=1, cutoff=0.6)
    underscore = [section for section in SECTIONS if written.startswith(f"{section}_")]
    return next(iter([*similar, *underscore]), "")
