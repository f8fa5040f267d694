"""The published JSON Schemas, each with a version in its name, and what does not fit in words."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic import TypeAdapter

from qcbench.bench.config import ScenarioConfig, SuiteConfig
from qcbench.errors import nearest
from qcbench.files import parse_json, quoted, to_json

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CONFIGS: Mapping[str, type] = {"scenario-1": ScenarioConfig, "suite-1": SuiteConfig}
"""Schemas that are derived from the classes of what they describe."""
FILES = ("entry-1", "manifest-1")
"""Schemas that are files of the package."""

KINDS = {
    "object": "a mapping of keys to values",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def schemas() -> Mapping[str, str]:
    """Return every schema as JSON by its name."""
    return {name: schema_of(name) for name in (*FILES, *CONFIGS)}


@cache
def schema_of(name: str) -> str:
    """Return a schema as JSON: read where it is a file of the package, else derived."""
    if name in FILES:
        return resources.files(__package__).joinpath(f"schemas/{name}.json").read_text("utf-8")
    title, _, version = name.partition("-")
    head = {"$schema": DIALECT, "$id": f"urn:qcbench:schema:{title}:{version}"}
    schema = {**head, **TypeAdapter(CONFIGS[name]).json_schema()}
    return to_json(schema, f"the schema of {title}s", indent=2) + "\n"


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(parse_json(schema_of(name), f"{name}.json"))


def misfits(data: object, name: str) -> Iterator[tuple[str, str]]:
    """Yield what in some data does not fit a schema: the place, and what would be right."""
    for error in _validator(name).iter_errors(data):
        place = "".join(
            f"[{part}]" if isinstance(part, int) else f".{_short(part)}"
            for part in error.absolute_path
        )
        yield place.removeprefix("."), _in_words(error)


def _short(key: object) -> str:
    text = str(key)
    return text if text.isprintable() and len(text) <= 80 else quoted(text)


def _in_words(error: ValidationError) -> str:
    """Say what a value is and what it should be; the words of the library quote all of it."""
    rule, limit, value = str(error.validator), error.validator_value, error.instance
    is_ = quoted(value)
    if rule == "additionalProperties":
        known = error.schema.get("properties", {})
        unknown = next(key for key in value if key not in known)
        return f"there is no key {quoted(unknown)}{nearest(str(unknown), known)}"
    if rule == "required":
        missing = next(key for key in limit if key not in value)
        return f"key {missing} is missing"
    wanted = {
        "type": lambda: " or ".join(
            KINDS[each] for each in ([limit] if isinstance(limit, str) else limit)
        ),
        "const": lambda: f"{limit}; this qcbench reads no other",
        "enum": lambda: " or ".join(map(str, limit)),
        "pattern": lambda: f"a text of the form {limit}",
        "minimum": lambda: f"at least {limit:g}",
        "maximum": lambda: f"at most {limit:g}",
        "exclusiveMinimum": lambda: f"above {limit:g}",
        "exclusiveMaximum": lambda: f"below {limit:g}",
        "anyOf": lambda: str(error.schema.get("description", "another value")),
    }
    sizes = {
        "minLength": f"has {_size(value)} characters; at least {limit}",
        "maxLength": f"has {_size(value)} characters; at most {limit}",
        "minItems": f"has {_size(value)} entries; at least {limit}",
        "maxItems": f"has {_size(value)} entries; at most {limit}",
        "maxProperties": f"has {_size(value)} keys; at most {limit}",
    }
    if rule in sizes:
        return sizes[rule]
    return f"is {is_}; must be {wanted[rule]()}" if rule in wanted else f"is {is_}, which is wrong"


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0
