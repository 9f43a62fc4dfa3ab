"""Turn the OpenAPI document into one page of HTML that loads nothing from anywhere.

Pure: no route, no socket. Everything that comes from the document is escaped.
"""

from html import escape
from typing import Any

import orjson

Schema = dict[str, Any]

CONTENT_TYPE = b"text/html; charset=utf-8"
POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
    b" frame-ancestors 'none'"
)
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h3 { margin: 2rem 0 0; padding-top: 1rem; border-top: 1px solid #8888; }
table { border-collapse: collapse; margin: .5rem 0; }
td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
code, pre { font: .9rem/1.4 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8888; }
"""


def render_page(document: Schema) -> bytes:
    """Write the page."""
    document = _expanded(document, document["components"])
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(of)}" for tag, of in by_tag.items())
    schemas = "".join(
        f'<h3 id="{escape(name)}">{escape(name)}</h3>{_json(schema)}'
        for name, schema in document["components"]["schemas"].items()
    )
    title = escape(info["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title} {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        f'<p><a href="openapi.json">openapi.json</a></p>{sections}<h2>Schemas</h2>{schemas}</html>'
    ).encode()


def _expanded(value: Any, components: Schema) -> Any:
    """Put shared responses, headers and bodies in place of references; schemas stay apart."""
    if isinstance(value, list):
        return [_expanded(item, components) for item in value]
    if not isinstance(value, dict):
        return value
    kind, _, name = value.get("$ref", "").removeprefix("#/components/").partition("/")
    if name and kind != "schemas":
        return _expanded(components[kind][name], components)
    return {key: _expanded(item, components) for key, item in value.items()}


def _operation(method: str, path: str, operation: Schema) -> str:
    parts = [f"<h3><code>{escape(method.upper())} {escape(path)}</code></h3>"]
    parts.append(f"<p>{escape(operation['summary'])}</p>")
    if "security" in operation:
        parts.append("<p>Needs an API key.</p>")
    fields = [
        (parameter["name"], parameter["schema"], parameter["description"])
        for parameter in operation.get("parameters", ())
    ]
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].values()
        schema = content["schema"]
        about = schema["properties"].items()
        fields += [(name, field, field["description"]) for name, field in about]
        parts += [_json(example) for example in schema.get("examples", ())]
    parts.append(_table([_field(*field) for field in fields]))
    parts.append(_table([_answer(*answer) for answer in operation["responses"].items()]))
    return "".join(parts)


def _field(name: str, schema: Schema, about: str) -> str:
    default = (
        f" Default: {orjson.dumps(schema['default']).decode()}." if "default" in schema else ""
    )
    return (
        f"<td><code>{escape(name)}</code><td>{escape(_type(schema))}<td>{escape(about + default)}"
    )


def _type(schema: Schema) -> str:
    """Name the types of a field in a few words."""
    if "enum" in schema:
        return ", ".join(orjson.dumps(value).decode() for value in schema["enum"])
    said = schema.get("type", ())
    kinds = [said] if isinstance(said, str) else list(said)
    kinds += [kind for one in schema.get("anyOf", ()) for kind in _type(one).split(" or ") if kind]
    return " or ".join(dict.fromkeys(kind for kind in kinds if kind != "null"))


def _answer(status: str, answer: Schema) -> str:
    lines = [escape(answer["description"])]
    for kind, content in answer.get("content", {}).items():
        lines.append(f"<code>{escape(kind)}</code>: {_shape(content['schema'])}")
    for name, header in answer.get("headers", {}).items():
        lines.append(f"<code>{escape(name)}</code>: {escape(header['description'])}")
    return f"<td>{escape(status)}<td>{'<br>'.join(lines)}"


def _shape(schema: Schema) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    if name:
        return f'<a href="#{escape(name)}">{escape(name)}</a>'
    if "properties" in schema:
        return f"<details><summary>object</summary>{_json(schema)}</details>"
    return escape(_type(schema))


def _json(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return f"<pre>{escape(text)}</pre>"


def _table(rows: list[str]) -> str:
    return f"<table>{''.join(f'<tr>{row}' for row in rows)}</table>" if rows else ""
