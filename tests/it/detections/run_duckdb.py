# Runs SQL queries in DuckDB over event lines: argv[1] is a JSON list of queries, standard input has the
# lines. Prints a line for each query: its rows as tab-separated texts, in order.
import datetime, json, sys, tempfile

import duckdb

with tempfile.NamedTemporaryFile(suffix=".json") as file:
    file.write(sys.stdin.buffer.read())
    file.flush()
    duckdb.sql(f"""CREATE VIEW events AS
        FROM read_json('{file.name}', format = 'newline_delimited', sample_size = -1)""")

    def text(value):
        if isinstance(value, datetime.datetime):
            return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
        return "" if value is None else str(value)

    for query in json.loads(sys.argv[1]):
        rows = duckdb.sql(query).fetchall()
        print(json.dumps(sorted("\t".join(map(text, row)) for row in rows)))
