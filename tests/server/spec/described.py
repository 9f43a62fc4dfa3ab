"""Read the OpenAPI document: its operations, and the schemas of their bodies."""

from typing import Any


def operations(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }


def resolved(described: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references until there is none."""
    while "$ref" in node:
        _, section, kind, name = node["$ref"].split("/")
        node = described[section][kind][name]
    return node


def bodies(described: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The schema of each operation's JSON body."""
    return {
        key: resolved(described, operation["requestBody"])["content"]["application/json"]["schema"]
        for key, operation in operations(described).items()
        if "requestBody" in operation
    }
