"""The shape of a file of event definitions: keys and types, checked by pydantic.

The keys are explained at the top of `booking.yaml`. Unknown keys are refused and nothing is
converted, except that a single text may stand for a list of one. `parse_file` reports every
problem of a file at once; what needs the catalogue is checked in `exporter.events.build`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from exporter.events.fields import Path, Transform, parse_path
from exporter.events.patterns import Regex, check_key_regex
from exporter.model import LEVELS

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from exporter.document import Document, Location


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _path(value: object) -> Path:
    return parse_path(value if isinstance(value, str) else repr(value))


def _path_or_violation(value: object) -> Path | None:
    return None if value == "violation" else _path(value)


def _path_or_message(value: object) -> Path | None:
    return None if value == "message" else _path(value)


def _regex(value: str) -> str:
    Regex(value)
    return value


def _key_regex(value: str) -> str:
    check_key_regex(value)
    return value


def _level(value: str) -> str:
    if value not in LEVELS:
        raise ValueError(f"{value!r} is no level; levels are {', '.join(LEVELS)}")
    return value


def _scalars(value: dict[str, object]) -> dict[str, object]:
    if not all(isinstance(one, str | int | float | None) for one in value.values()):
        raise ValueError("a field is compared with a text, a number, true, false or null")
    for key in value:
        parse_path(key)
    return value


Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], BeforeValidator(_as_list), Field(min_length=1)]
FieldPath = Annotated[Path, BeforeValidator(_path)]
Pattern = Annotated[str, AfterValidator(_regex)]
KeyPattern = Annotated[str, AfterValidator(_key_regex)]
Level = Annotated[str, AfterValidator(_level)]


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class MessageSpec(_Spec):
    """Tests of the message; all that are given must hold."""

    contains: Texts | None = None
    contains_all: Texts | None = None
    begins: Texts | None = None
    regex: Pattern | None = None


class RecordSpec(_Spec):
    """Tests of the whole record as it was read, context and traces included."""

    contains: Texts | None = None
    contains_all: Texts | None = None


class MatchSpec(_Spec):
    """What a record must be; all that is given must hold."""

    message: MessageSpec | None = None
    record: RecordSpec | None = None
    levels: Annotated[list[Level], Field(min_length=1)] | None = None
    channels: Annotated[list[str], Field(min_length=1)] | None = None
    context: Annotated[dict[str, Any], AfterValidator(_scalars)] = {}


class LabelSpec(_Spec):
    """A label's value: a literal, or a field made into one of a closed set."""

    literal: str | None = None
    path: FieldPath | None = None
    one_of: Annotated[list[str], Field(min_length=1)] | None = None
    optional: bool = False
    transform: Literal["status_class"] | None = None
    violated: str | None = None
    otherwise: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _literal(cls, value: object) -> object:
        if isinstance(value, bool):
            return {"literal": "true" if value else "false"}
        if isinstance(value, str | int):
            return {"literal": str(value)}
        if isinstance(value, dict) and "literal" in value:
            raise ValueError("write the literal by itself")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.literal, self.one_of, self.transform, self.violated)
        given = sum(way is not None for way in ways)
        if given != 1 or (self.literal is None) is (self.path is None):
            raise ValueError("write a literal, or path with one of: one_of, transform, violated and otherwise")
        if (self.violated is None) is not (self.otherwise is None):
            raise ValueError("violated and otherwise stand together")
        return self


class CountSpec(_Spec):
    """The counter that rises by 1."""

    metric: str
    labels: dict[str, LabelSpec] = {}


class ObserveSpec(_Spec):
    """A histogram and the field that it observes."""

    metric: str
    value: FieldPath
    transform: Transform | None = None
    optional: bool = False
    labels: dict[str, LabelSpec] = {}


class IncidentSpec(_Spec):
    """What repeats of one problem have in common; `id` is None for the violation's key."""

    id: Annotated[Path | None, BeforeValidator(_path_or_violation)]
    layer: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        return {"id": value} if isinstance(value, str) else value


class ViolationSpec(_Spec):
    """How a record reports a violated unique key; `text` is None for the message."""

    role: Literal["failed_save", "report"]
    key: Annotated[list[KeyPattern], BeforeValidator(_as_list), Field(min_length=1)]
    text: Annotated[Path | None, BeforeValidator(_path_or_message)]
    identifier: FieldPath | None = None


class ExampleSpec(_Spec):
    """A record and what it must come to."""

    record: Texts
    expect: Any

    @model_validator(mode="after")
    def _known_form(self) -> Self:
        if self.expect != "none" and not isinstance(self.expect, dict):
            raise ValueError("expect is `none`, or maps each metric to what is counted or observed")
        return self


class EventSpec(_Spec):
    """One definition."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    match: MatchSpec
    lowest_level: Level | None = None
    count: CountSpec | None = None
    observe: list[ObserveSpec] = []
    incident: IncidentSpec | None = None
    violation: ViolationSpec | None = None
    examples: list[ExampleSpec]


class SeriesSpec(_Spec):
    """A series that the file declares, for its own definitions to fill."""

    name: str
    kind: Literal["counter", "histogram"]
    help: Text
    labels: dict[str, Annotated[list[Text], Field(min_length=1)]] = {}
    buckets: list[float] = []


class FamilySpec(_Spec):
    """Records with the marker in their message that match no event count as unrecognized."""

    marker: Annotated[str, Field(min_length=4)]


class _FileSpec(_Spec):
    version: Literal[1]
    family: FamilySpec | None = None
    disable: list[str] = []
    series: list[Any] = []
    events: list[Any] = []


Spec = TypeVar("Spec", bound=BaseModel)


class ParsedFile:
    """A file's valid parts with their places, and the problems of the others."""

    def __init__(self, document: Document) -> None:
        """Check the shape of every part of the document."""
        self.document = document
        self.problems: list[str] = []
        whole = self._check(_FileSpec, document.data, ())
        self.marker = whole.family.marker if whole and whole.family else None
        self.disable = tuple(whole.disable) if whole else ()
        self.series = self._each(SeriesSpec, "series")
        self.events = self._each(EventSpec, "events")

    def problem(self, location: Location, text: str) -> None:
        """Note a problem at a place of this file."""
        self.problems.append(self.document.problem(location, text))

    def _each(self, spec: type[Spec], key: str) -> tuple[tuple[Location, Spec], ...]:
        data = self.document.data
        values = data.get(key) if isinstance(data, dict) else None
        entries = enumerate(values if isinstance(values, list) else ())
        checked = [((key, index), self._check(spec, value, (key, index))) for index, value in entries]
        return tuple((at, one) for at, one in checked if one is not None)

    def _check(self, spec: type[Spec], value: object, at: Location) -> Spec | None:
        try:
            return spec.model_validate(value)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                self.problem((*at, *details["loc"]), _sentence(details))
            return None


def _sentence(details: ErrorDetails) -> str:
    kind, message = details["type"], details["msg"]
    if kind == "extra_forbidden":
        return "unknown key; remove it or correct its spelling"
    if kind == "missing":
        return "is missing; add it"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "must be a mapping of keys to values"
    return message.removeprefix("Value error, ")
