# Converts Sigma rules with the packaged pipeline and runs them in SQLite over the packaged views: argv[1]
# is the directory of the pipeline and the views, the other arguments are rules, standard input has event
# lines. Prints a line for each rule: its title, and the sequences of the events that it finds.
import json, pathlib, sqlite3, sys

from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline

packaged = pathlib.Path(sys.argv[1])
pipeline = ProcessingPipeline.from_yaml((packaged / "auditrd.yml").read_text())
backend = sqliteBackend(pipeline, fulltext_field="line", collate_nocase=True)

database = sqlite3.connect(":memory:")
database.execute("CREATE TABLE events (line TEXT)")
database.executemany("INSERT INTO events VALUES (?)", ((line,) for line in sys.stdin))
database.executescript((packaged / "views.sql").read_text())
for path in sys.argv[2:]:
    rules = SigmaCollection.from_yaml(pathlib.Path(path).read_text())
    found = set()
    for query in backend.convert(rules):
        query = query.replace("SELECT * ", "SELECT json_extract(line, '$.sequence') ", 1)
        found.update(row[0] for row in database.execute(query))
    print(json.dumps([rules[0].title, sorted(found)]))
