#!/usr/bin/env python3
"""Extracts seeds for the fuzz targets from the logs in tests/data: one per kind of record and event.

The argument is the directory for them, in which each target has one of its own. A seed starts with
the bytes that its target reads before the text: see the type of its input.
"""

import gzip
import hashlib
import json
import lzma
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).parent
RECORD = re.compile(rb"(?:.*?)type=(\S+) msg=(audit\([^)]*\)): ?(.*)", re.S)
TYPES = {name: int(number) for number, name in re.findall(
    rb'AUDIT_\w+ = (\d+) "(\w+)";', (HERE.parent / "src/model/record_type.rs").read_bytes())}
SMALL = 8192
RULES = [
    b"-w /etc/a\\ b -p wa -k x -k y\n", b"-D -k x\n-e 1\n-b 0x40\n--backlog_wait_time=0\n-q /a,/b\n-t\n",
    b"-i\n-a never,exit -C auid!=obj_uid -F a0&=0x1 -F exit=-EPERM -F filetype=dir -F inode=5\n",
    b"-a never,exclude -F msgtype>=CWD -F subj_type=a_t\n-A never,task\n-a never,user -F auid=unset\n",
    b"-a never,filesystem -F fstype=tracefs -k x\n-d always,exit -S all -F dir=/etc -F perm=r\n",
    b"-e 1 -e 0\n-d always,exit -F arch=b64 -S 59\n-a always,io_uring -S openat -F exe=/bin/a\n",
]


def keep(target, seed):
    directory = pathlib.Path(sys.argv[1], target)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / hashlib.sha1(seed).hexdigest()).write_bytes(seed)


def shape(body):
    """The keys of a record, and the kind of each value."""
    pairs = re.findall(rb"([\w\[\]-]+)=(\"|'|\(|\?|-|[0-9A-F]+\b|.)", body)
    return tuple((re.sub(rb"\d+", b"0", key), value[:1] if not value.isalnum() else b"0")
                 for key, value in pairs)


def wrappers():
    """Whole inputs in forms that only the outer layer knows, each for the first kind of its target."""
    record = 'type=CWD msg=audit(1.002:3): cwd="/"'
    text = record + "\n"
    inputs = [text.encode(), gzip.compress(text.encode()), lzma.compress(text.encode())]
    escaped = json.dumps({"log": text, "host": "h"})
    for line in [
        "Feb 22 14:25:25 h audit " + record, "<13>1 2026-02-22T14:25:25Z h a - - - " + record,
        "2026-02-22T14:25:25Z stdout F " + escaped, escaped, f"{record} {record}",
        "1771770325.070000 h audit[1]: CWD cwd=\"/\"", "audit.log-12-" + record,
        "Feb 22 14:25:25 h kernel: audit: audit_lost=7 audit_rate_limit=0",
        "__CURSOR=x\n_TRANSPORT=audit\n_AUDIT_TYPE=1307\n_AUDIT_ID=3\n"
        "_SOURCE_REALTIME_TIMESTAMP=1002000\nMESSAGE=CWD cwd=\"/\"\n",
    ]:
        inputs.append(line.encode() + b"\n")
    return [struct.pack("<I", 0) + text for text in inputs]


def main():
    seen, events = set(), {}
    for log in sorted((HERE.parent / "tests/data").glob("*.log")):
        for line in log.read_bytes().splitlines():
            match = RECORD.fullmatch(line)
            if not match:
                continue
            kind, stamp, body = match.groups()
            events.setdefault((log, line[:match.start(1)], stamp), []).append((kind, body, line))
            if (kind, shape(body)) not in seen and len(body) < SMALL:
                seen.add((kind, shape(body)))
                number = TYPES.get(kind, 1100)
                keep("fields", struct.pack("<H", number - 1000) + body)
                keep("header", stamp + b": " + body[:40])
                if kind == b"SOCKADDR" and (address := re.match(rb"saddr=((?:[0-9A-F]{2})+)", body)):
                    keep("sockaddr", bytes.fromhex(address[1].decode()))
    for file in (HERE.parent / "packaging/rules").glob("*.rules"):
        for line in file.read_bytes().splitlines():
            keep("rules", line + b"\n")
    for line in RULES:
        keep("rules", line)
    for wrapped in wrappers():
        keep("wrap", wrapped)
    known = set()
    for records in events.values():
        what = tuple((kind, shape(body)) for kind, body, _ in records)
        text = b"\n".join(line for _, _, line in records) + b"\n"
        if what in known or len(text) > 4 * SMALL:
            continue
        known.add(what)
        keep("line", struct.pack("<H", len(text) // 2) + text)
        arguments = [body for kind, body, _ in records if kind == b"EXECVE"]
        if arguments:
            keep("execve", struct.pack("<I", 1 << 31) + b"\n".join(arguments))
            words = re.findall(rb" a\d+=\"([^\"]*)", b"".join(arguments))
            keep("execve", struct.pack("<IHB", 0, 64, len(words) % 256) + b"\0".join(words))


main()
