"""Options that belong together, as one parameter of a command: a dataclass of annotated fields.

Typer knows single parameters only. So a command is given to it with the fields of such a dataclass
in the dataclass's place, each as an option of its own.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def expand_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Make the function that typer gets: with single options, and it calls the command."""
    signature = inspect.signature(command)
    groups: dict[str, Any] = {
        parameter.name: parameter.annotation
        for parameter in signature.parameters.values()
        if is_dataclass(parameter.annotation)
    }

    @wraps(command)
    def call(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in fields(group)})
        command(**given)

    parameters = list(_list_parameters(signature.parameters, groups))
    # Typer reads both, and `wraps` has copied those of the command.
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    call.__dict__["__signature__"] = inspect.Signature(parameters)
    return call


def _list_parameters(
    parameters: Mapping[str, inspect.Parameter], groups: Mapping[str, Any]
) -> Iterator[inspect.Parameter]:
    for parameter in parameters.values():
        group = groups.get(parameter.name)
        if group is None:
            yield parameter
            continue
        types = get_type_hints(group, include_extras=True)
        for field in fields(group):
            yield inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=types[field.name],
            )
