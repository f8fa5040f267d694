"""Validates Kubernetes manifests without a cluster; an unknown field is an error, as a typo is."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

Manifest = dict[str, Any]
Schemas = dict[tuple[str, str], Manifest]

NATIVE_VERSION = "1.31"


def load_manifests(text: str) -> list[Manifest]:
    """Return the documents of a YAML file."""
    return [document for document in yaml.safe_load_all(text) if document]


def custom_schemas(folder: Path) -> Schemas:
    """Return the JSON Schemas of the custom resources of a folder, by apiVersion and kind."""
    schemas: Schemas = {}
    for path in sorted(folder.glob("*.yaml")):
        spec = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
            "spec"
        ]
        for version in spec["versions"]:
            key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            schemas[key] = _json_schema(version["schema"]["openAPIV3Schema"])
    return schemas


def _json_schema(node: Manifest) -> Manifest:
    """Turn a structural OpenAPI schema into a JSON Schema that knows all fields there may be."""
    result = {key: value for key, value in node.items() if not key.startswith("x-")}
    result.pop("default", None)
    for name in ("items", "not", "additionalProperties"):
        if isinstance(node.get(name), dict):
            result[name] = _json_schema(node[name])
    for name in ("allOf", "anyOf", "oneOf"):
        if name in node:
            result[name] = [_json_schema(part) for part in node[name]]
    fields = node.get("properties", {})
    if fields:
        result["properties"] = {name: _json_schema(field) for name, field in fields.items()}
        if not node.get("x-kubernetes-preserve-unknown-fields"):
            result.setdefault("additionalProperties", False)
    # The server fills in what has a default before it asks what is missing.
    required = [name for name in node.get("required", ()) if "default" not in fields.get(name, {})]
    result.pop("required", None)
    if required:
        result["required"] = required
    if node.get("nullable") and "type" in node:
        result["type"] = [node["type"], "null"]
    result.pop("nullable", None)
    return result


def problems(manifest: Manifest, custom: Schemas) -> list[str]:
    """Return what is wrong with a manifest, one line a problem."""
    key = manifest.get("apiVersion", ""), manifest.get("kind", "")
    if key in custom:
        found = jsonschema.Draft202012Validator(custom[key]).iter_errors(manifest)
        return sorted(f"{_path(error.absolute_path)}: {error.message}" for error in found)
    try:
        kubernetes_validate.validate(manifest, NATIVE_VERSION, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{_path(error.path)}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [f"{key[1]}: {error.message}"]
    return []


def _path(parts: Iterable[object]) -> str:
    return ".".join(str(part) for part in parts) or "manifest"
