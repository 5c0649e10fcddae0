#!/usr/bin/env python3
"""Makes events of the archived audit logs of many hosts, on Spark.

    spark-submit reprocess.py --auditrd /usr/bin/auditrd ARCHIVE OUTPUT

ARCHIVE has a directory for each host, with its logs as auditd rotates them: audit.log, audit.log.1,
audit.log.2.gz and so on; .gz and .xz are understood. It must be reachable by the same path on every
worker. OUTPUT becomes a directory of JSON lines, each with the host as its `node`.

A host is a partition of its own: the records of an event may lie in two files, and what a descriptor
stands for was said by earlier records of the same host.
"""

import argparse
import os
import re
import shlex

from pyspark import SparkContext

# Reads names of directories, and prints the events of the logs in each, from the oldest log on.
HOST = r"""
while IFS= read -r directory; do
    host=$(basename "$directory")
    find "$directory" -maxdepth 1 -name 'audit.log*' -printf '%f\n' | sort -t. -k3,3nr |
        while IFS= read -r log; do
            case $log in
            *.gz) gzip -dc "$directory/$log" ;;
            *.xz) xz -dc "$directory/$log" ;;
            *) cat "$directory/$log" ;;
            esac
        done | sed "s/^type=/node=$host type=/" | "$0" -i - "$@"
done
"""


def main():
    parser = argparse.ArgumentParser(description="Make events of the audit logs of many hosts.")
    parser.add_argument("--auditrd", default="auditrd", help="the program on each worker")
    parser.add_argument("archive", help="a directory with a directory for each host")
    parser.add_argument("output", help="a directory that is not there yet")
    args, options = parser.parse_known_args()

    hosts = sorted(entry.path for entry in os.scandir(args.archive) if entry.is_dir())
    for host in hosts:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", os.path.basename(host)):
            parser.error(f"not the name of a host: {host}")
    if not hosts:
        parser.error(f"no directories of hosts in {args.archive}")
    command = ["bash", "-euo", "pipefail", "-c", HOST, args.auditrd, *options]
    context = SparkContext(appName="auditrd-reprocess")
    events = context.parallelize(hosts, len(hosts)).pipe(shlex.join(command), checkCode=True)
    events.saveAsTextFile(args.output)
    context.stop()


if __name__ == "__main__":
    main()
