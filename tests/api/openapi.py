"""The OpenAPI document as a judge: every answer that a test gets is held against it.

A validator for the part of JSON Schema that the document uses; a keyword that it does not know is an error, so that nothing is passed over.
"""
import datetime
import json
import re
import uuid

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
}
RFC3339 = "%Y-%m-%dT%H:%M:%S.%fZ"
FORMATS = {
    "uuid": lambda v: str(uuid.UUID(v)) == v,
    "date-time": lambda v: bool(datetime.datetime.strptime(v, RFC3339)),
}
SAY_NOTHING = {"description", "default", "x-action"}
# What a keyword says something about; the others are about any value.
ABOUT = {**dict.fromkeys(("properties", "required", "additionalProperties", "unevaluatedProperties", "minProperties", "maxProperties"), dict),
         **dict.fromkeys(("items", "maxItems", "uniqueItems"), list), **dict.fromkeys(("format", "pattern", "minLength", "maxLength"), str)}


# The shape of a door's errors, by the prefix of its paths.
ERROR_SHAPES = {"/api/v1/compute": "TenantError", "/api/v1/vms": "WorkspaceError"}


def error_shape(path):
    path = path.split("?")[0]
    return next((shape for prefix, shape in ERROR_SHAPES.items() if path == prefix or path.startswith(prefix + "/")), "Problem")


class Mismatch(AssertionError):
    """An answer that the document does not allow."""


class Document:
    def __init__(self, text):
        self.root = json.loads(text)
        self.routes = []
        for path, methods in self.root["paths"].items():
            pattern = re.compile("".join("[^/]+" if part.startswith("{") else re.escape(part)
                                         for part in re.split(r"(\{[^}]*\})", path)))
            self.routes += [(method.upper(), path, pattern, operation) for method, operation in methods.items()]

    def find(self, method, path):
        """(path of the document, operation), or None. What is written out goes before what a parameter would match."""
        path = path.split("?")[0]
        fits = [(route, operation) for m, route, pattern, operation in self.routes if m == method and pattern.fullmatch(path)]
        return min(fits, key=lambda fit: fit[0].count("{")) if fits else None

    def resolve(self, node):
        while "$ref" in node:
            target = self.root
            for step in node["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            node = target
        return node

    def check_answer(self, method, path, answer):
        found = self.find("GET" if method == "HEAD" else method, path)
        if not found or answer.status == 405:
            self.check(self.root["components"]["schemas"][error_shape(path)], answer.json, f"{method} {path}")
            return
        route, operation = found
        where = f"{method} {route} {answer.status}"
        if str(answer.status) not in operation["responses"]:
            raise Mismatch(f"{where}: the document does not know this status: {answer.body[:300]!r}")
        response = self.resolve(operation["responses"][str(answer.status)])
        for name, header in response.get("headers", {}).items():
            if header.get("required") and name not in answer.headers:
                raise Mismatch(f"{where}: no header {name}")
        if method != "HEAD":
            self.check_content(response.get("content"), answer, where)

    def check_content(self, content, answer, where):
        kind = answer.headers.get("Content-Type")
        if content is None:
            if answer.body:
                raise Mismatch(f"{where}: a body where none is described")
            return
        if kind not in content:
            raise Mismatch(f"{where}: content type {kind!r} is none of {list(content)}")
        if "schema" not in content[kind]:
            return
        text = answer.body.decode()
        self.check(content[kind]["schema"], json.loads(text) if "json" in kind else text, where)

    def check(self, schema, value, where):
        schema = self.resolve(schema)
        if "type" in schema:
            types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            if not any(TYPES[t](value) for t in types):
                raise Mismatch(f"{where}: {value!r} is no {schema['type']}")
        for keyword, argument in schema.items():
            if keyword in SAY_NOTHING or keyword == "type" or not isinstance(value, ABOUT.get(keyword, object)):
                continue
            getattr(self, "_" + keyword)(schema, argument, value, where)

    def members(self, schema):
        """The properties that a schema describes, by itself or by its parts."""
        schema = self.resolve(schema)
        known = set(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            known |= self.members(part)
        return known

    # One method a keyword; ABOUT says for which values.
    def _properties(self, schema, argument, value, where):
        for name, part in argument.items():
            if name in value:
                self.check(part, value[name], f"{where}.{name}")

    def _required(self, schema, argument, value, where):
        missing = [name for name in argument if name not in value]
        if missing:
            raise Mismatch(f"{where}: without {missing}")

    def _additionalProperties(self, schema, argument, value, where):
        for name in set(value) - set(schema.get("properties", {})):
            if argument is False:
                raise Mismatch(f"{where}: {name!r} is not described")
            self.check(argument, value[name], f"{where}.{name}")

    def _unevaluatedProperties(self, schema, argument, value, where):
        unknown = set(value) - self.members(schema)
        if unknown:
            raise Mismatch(f"{where}: {unknown} not described")

    def _allOf(self, schema, argument, value, where):
        for part in argument:
            self.check(part, value, where)

    def _oneOf(self, schema, argument, value, where):
        failures = []
        for part in argument:
            try:
                self.check(part, value, where)
            except Mismatch as failure:
                failures.append(str(failure))
        if len(failures) != len(argument) - 1:
            raise Mismatch(f"{where}: not exactly one of the choices: {failures}")

    def _items(self, schema, argument, value, where):
        for i, item in enumerate(value):
            self.check(argument, item, f"{where}[{i}]")

    def _enum(self, schema, argument, value, where):
        if value not in argument:
            raise Mismatch(f"{where}: {value!r} is none of {argument}")

    def _const(self, schema, argument, value, where):
        if value != argument:
            raise Mismatch(f"{where}: {value!r} is not {argument!r}")

    def _format(self, schema, argument, value, where):
        try:
            fits = FORMATS[argument](value)
        except ValueError:
            fits = False
        if not fits:
            raise Mismatch(f"{where}: {value!r} is no {argument}")

    def _pattern(self, schema, argument, value, where):
        if not re.search(argument, value):
            raise Mismatch(f"{where}: {value!r} does not fit {argument}")

    @staticmethod
    def _limit(holds, value, where, keyword, argument):
        if not holds:
            raise Mismatch(f"{where}: {value!r} is beyond {keyword} {argument}")

    def _minimum(self, schema, argument, value, where):
        self._limit(value is None or value >= argument, value, where, "minimum", argument)

    def _maximum(self, schema, argument, value, where):
        self._limit(value is None or value <= argument, value, where, "maximum", argument)

    def _minLength(self, schema, argument, value, where):
        self._limit(len(value) >= argument, value, where, "minLength", argument)

    def _maxLength(self, schema, argument, value, where):
        self._limit(len(value) <= argument, value, where, "maxLength", argument)

    def _maxItems(self, schema, argument, value, where):
        self._limit(len(value) <= argument, value, where, "maxItems", argument)

    def _uniqueItems(self, schema, argument, value, where):
        self._limit(len(set(value)) == len(value), value, where, "uniqueItems", argument)

    def _minProperties(self, schema, argument, value, where):
        self._limit(len(value) >= argument, value, where, "minProperties", argument)

    def _maxProperties(self, schema, argument, value, where):
        self._limit(len(value) <= argument, value, where, "maxProperties", argument)
