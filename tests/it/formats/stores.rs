//! Databases.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use super::tools::python_with;
use crate::{
    common::{Value, lines},
    golden::{LOGS, log, output},
};

fn packaged(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("packaging").join(name)).unwrap()
}

/// Runs a Python script on a file of events, given as its first argument, and asserts that the
/// values it prints for each event are right: texts, numbers, and lengths of lists and maps.
fn check(module: &str, script: &str, arguments: &[&str]) {
    let Some(python) = python_with(module) else {
        return;
    };
    let events: Vec<u8> = LOGS
        .iter()
        .flat_map(|name| output(&log(name), &[]))
        .collect();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.json");
    fs::write(&file, &events).unwrap();
    let output = Command::new(python)
        .args(["-c", script])
        .arg(&file)
        .args(arguments)
        .current_dir(&directory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for event in lines(&events) {
        let of = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        let size = |key: &str| match &event[key] {
            Value::Array(words) => words.len(),
            Value::Object(fields) => fields.len(),
            _ => 0,
        };
        let row = format!(
            "{},{},{},{},{},{},{}",
            of("name"),
            of("type"),
            event["uid"],
            event["exit"],
            of("path").len(),
            size("argv"),
            size("fields")
        );
        *expected.entry(row).or_default() += 1;
    }
    let mut got: BTreeMap<String, u64> = BTreeMap::new();
    for row in lines(&output.stdout) {
        let values = row["row"].as_array().unwrap().iter();
        let row: Vec<String> = values
            .map(|value| value.as_str().map_or(value.to_string(), str::to_owned))
            .collect();
        *got.entry(row.join(",")).or_default() += 1;
    }
    assert_eq!(got, expected);
}

/// The beginning of the scripts for ClickHouse.
const CLICKHOUSE: &str = r#"
import sys
from chdb import session
clickhouse = session.Session()
clickhouse.query("CREATE DATABASE audit")
clickhouse.query("USE audit")

def create(table):
    lines = table.splitlines()
    table = "\n".join(line for line in lines if not line.lstrip().startswith("--"))
    # The events are older than what the table keeps.
    clickhouse.query(table.replace("TTL toDateTime(timestamp) + INTERVAL 90 DAY", ""))
"#;

#[test]
fn clickhouse_loads_every_event_into_the_packaged_table() {
    let script = r#"
create(sys.argv[2])
insert = "INSERT INTO auditrd_events SETTINGS input_format_skip_unknown_fields = 1 FORMAT JSONEachRow "
clickhouse.query(insert + open(sys.argv[1]).read())
print(clickhouse.query(
    "SELECT [name, type, toString(uid), toString(exit), toString(length(path)),"
    " toString(length(argv)), toString(length(fields))] AS row FROM auditrd_events",
    "JSONEachRow"), end="")
"#;
    let table = packaged("clickhouse/events.sql");
    check("import chdb", &format!("{CLICKHOUSE}{script}"), &[&table]);
}

#[test]
fn clickhouse_keeps_all_of_a_status_event() {
    let script = r#"
create(sys.argv[1])
clickhouse.query("INSERT INTO auditrd_events FORMAT JSONEachRow " + sys.argv[2])
columns = "version host boot_id source kernel changes counters filters priming confinement".split()
print(clickhouse.query(f"SELECT {', '.join(columns)} FROM auditrd_events", "JSONEachRow"), end="")
"#;
    let Some(python) = python_with("import chdb") else {
        return;
    };
    let mut line = Vec::new();
    super::schema::with_status(|status| auditrd::encode::status(status, &mut line));
    let output = Command::new(python)
        .args(["-c", &format!("{CLICKHOUSE}{script}")])
        .arg(packaged("clickhouse/events.sql"))
        .arg(str::from_utf8(&line).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let (status, rows) = (&lines(&line)[0], lines(&output.stdout));
    for (column, value) in rows[0].as_object().unwrap() {
        let text = value.as_str().unwrap();
        match &status[column] {
            Value::String(expected) => assert_eq!(text, expected, "{column}"),
            expected => {
                let object: Value = serde_json::from_str(text).unwrap();
                assert_eq!(&object, expected, "{column}");
            }
        }
    }
}

#[test]
fn duckdb_queries_the_file_of_events() {
    let script = r#"
import duckdb, json, sys
rows = duckdb.sql(f"""SELECT name, type, uid, exit, strlen(coalesce(path, '')),
    coalesce(len(argv), 0), fields FROM read_json('{sys.argv[1]}', format = 'newline_delimited',
    maximum_object_size = 1048576)""").fetchall()
for *row, fields in rows:
    fields = sum(value is not None for value in (fields or {}).values())
    print(json.dumps({"row": row + [fields]}))
"#;
    check("import duckdb", script, &[]);
}

#[test]
fn the_packaged_table_has_a_column_for_each_key_of_the_schema() {
    let schema: Value =
        serde_json::from_str(&packaged("schema/auditrd-event.schema.json")).unwrap();
    let keys = |kind: &str| {
        let properties = schema["$defs"][kind]["properties"].as_object().unwrap();
        properties.keys().cloned().collect::<Vec<_>>()
    };
    let kinds = ["event", "loss_event", "status_event"];
    let mut keys: Vec<String> = kinds.map(keys).concat();
    keys.retain(|key| !key.ends_with("_hex"));
    keys.sort();
    keys.dedup();
    let table = packaged("clickhouse/events.sql");
    let columns = table.lines().filter_map(|line| line.strip_prefix("    "));
    let columns = columns.filter(|line| !line.starts_with("--"));
    let mut columns: Vec<&str> = columns.filter_map(|line| line.split(' ').next()).collect();
    columns.sort_unstable();
    assert_eq!(keys, columns);
}
