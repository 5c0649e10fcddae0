# Holds each line of standard input against a JSON Schema, and prints a line for each: "ok", or why not.
import json, sys

from jsonschema import Draft202012Validator

schema = json.load(open(sys.argv[1]))
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
for line in sys.stdin:
    error = next(validator.iter_errors(json.loads(line)), None)
    print("ok" if error is None else json.dumps(error.message[:300]))
