"""What pydantic found wrong, in plain words with a remedy; pure."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from exporter.config.schema import ConfigModel

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from exporter.document import Location

_EXAMPLES = {
    "name": "add for example `name: app`",
    "paths": 'add for example `paths: ["/var/www/app/storage/logs/laravel*.log"]`',
}
_WANTED = {
    "string_type": ("text", "put the value in quotes"),
    "int_type": ("a whole number", "write it without quotes"),
    "bool_type": ("true or false", "write it without quotes"),
    "list_type": ("a list", "write [one, two], or one line per entry beginning with -"),
    "dict_type": ("a section", "write its keys below it, each indented by two spaces"),
    "model_type": ("a section", "write its keys below it, each indented by two spaces"),
}


def describe(error: ErrorDetails, *, from_file: bool, root: type[BaseModel] = ConfigModel) -> str:
    """Return `what is wrong; remedy` for one of the errors that pydantic found with the model `root`.

    Remedies about the writing of YAML are left out where the value is not from a file.
    """
    kind = error["type"]
    value = error["input"]
    if kind == "extra_forbidden":
        return _unknown_key(error["loc"], root)
    if kind == "missing":
        return f"is missing; {_EXAMPLES[str(error['loc'][-1])]}"
    if value is None:
        return "is empty; give it a value, or remove the key to get the default"
    if kind == "literal_error":
        return _choice(str(value), error["ctx"]["expected"])
    if kind in _WANTED:
        wanted, remedy = _WANTED[kind]
        if kind == "string_type" and isinstance(value, (list, dict)):
            remedy = "write a single value"
        return f"must be {wanted}, not {_kind(value)}" + (f"; {remedy}" if from_file else "")
    return error["msg"]


def _unknown_key(loc: Location, root: type[BaseModel]) -> str:
    known = _keys(loc[:-1], root)
    near = get_close_matches(str(loc[-1]), known, n=2)
    return "unknown key; " + (f"did you mean {' or '.join(near)}?" if near else f"known here are {', '.join(known)}")


def _keys(loc: Location, root: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys that the schema knows in the section at `loc`."""
    model = root
    for step in loc:
        below: Any = model.model_fields[step].annotation if isinstance(step, str) else None
        for one in (below, *get_args(below)):  # a section itself, a list of it, or one that may be left out
            if isinstance(one, type) and issubclass(one, BaseModel):
                model = one
    return tuple(model.model_fields)


def _choice(value: str, expected: str) -> str:
    # pydantic writes the choices as 'a', 'b' or 'c'
    choices = expected.replace("'", "")
    near = get_close_matches(value.lower(), choices.replace(" or ", ", ").split(", "), n=1)
    return f"must be {choices}" + (f"; did you mean {near[0]}?" if near else "")


def _kind(value: object) -> str:
    names = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a section"}
    return names.get(type(value), "this")
