# Holds each line of standard input against the JSON Schema of its OCSF class, and prints a line for each:
# "ok", or why not. The schema package leaves out the rule that some members must be there ("constraints"),
# so that is checked here.
import functools, json, sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

VERSION = "1.8.0"
raw = get_ocsf_schema(version=VERSION)
schema = OcsfJsonSchemaEmbedded(raw)


@functools.cache
def validator(class_uid, profiles):
    name = schema.lookup_class_name_from_uid(class_uid)
    return Draft202012Validator(schema.get_class_schema(name, list(profiles))), raw["classes"][name]


def unmet(value, definition):
    """The constraints of an object that its value does not meet, and those of the objects in it."""
    for rule, members in (definition.get("constraints") or {}).items():
        count = sum(member in value for member in members)
        if rule == "at_least_one" and count == 0 or rule == "just_one" and count != 1:
            yield f"{rule} of {members}"
    for key, attribute in definition["attributes"].items():
        inner = raw["objects"].get(attribute.get("object_type"))
        if inner and inner["attributes"] and key in value:
            for item in value[key] if isinstance(value[key], list) else [value[key]]:
                yield from (f"{key}: {reason}" for reason in unmet(item, inner))


for line in sys.stdin:
    event = json.loads(line)
    check, definition = validator(event["class_uid"], tuple(event["metadata"]["profiles"]))
    reasons = [error.message[:300] for error in check.iter_errors(event)]
    reasons += unmet(event, definition)
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        reasons.append("type_uid")
    if event["metadata"]["version"] != VERSION:
        reasons.append("version")
    print("ok" if not reasons else json.dumps(reasons[0]))
