# Runs queries in the Event Query Language over lines of --format ecs: argv[1] is a JSON list of queries,
# standard input has the lines. Prints a line for each query: the sequences of the events that it finds.
#
# The engine compares a field with one value, as Elasticsearch does with each value of an array, so
# arrays of categories and types, which have one value for these events, are that value.
import json, sys

import eql
from eql.parser import elasticsearch_syntax

SECOND = 10_000_000  # of the engine's clock

events = []
for number, line in enumerate(sys.stdin):
    event = json.loads(line)
    for key in ("category", "type"):
        event["event"][key] = event["event"].get(key, ["any"])[0]
    events.append(eql.Event(event["event"]["category"], number * SECOND // 100, event))

for query in json.loads(sys.argv[1]):
    found = []
    engine = eql.PythonEngine()
    with elasticsearch_syntax:
        engine.add_query(eql.parse_query(query, implied_any=True))
    engine.add_output_hook(lambda result: found.append(
        [event.data["event"]["sequence"] for event in result.events]))
    engine.stream_events(events)
    engine.finalize()
    print(json.dumps(found))
