"""What libauparse makes of a log, one JSON array per event: [serial, [[type, [[field, raw, interpreted], …]], …]].

Bytes stand for themselves as code points below 256, since neither side need be UTF-8.
"""
import ctypes
import json
import sys

WANTED = {
    b"SYSCALL": b"arch syscall success exit ppid pid auid uid gid euid suid fsuid egid sgid fsgid tty comm exe key ses",
    b"CWD": b"cwd",
    b"PATH": b"name inode mode ouid ogid nametype",
    b"PROCTITLE": b"proctitle",
}
USER = b"pid uid auid ses op acct exe hostname addr terminal res cmd cwd"
AUSOURCE_FILE, ESCAPE_RAW = 1, 0


class Stamp(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("milli", ctypes.c_uint), ("serial", ctypes.c_ulong), ("host", ctypes.c_char_p)]


lib = ctypes.CDLL("libauparse.so.0")
lib.auparse_init.restype = ctypes.c_void_p
lib.auparse_get_timestamp.restype = ctypes.POINTER(Stamp)
for name in ("get_type_name", "get_field_name", "get_field_str", "interpret_field"):
    getattr(lib, "auparse_" + name).restype = ctypes.c_char_p


def text(value):
    return (value or b"").decode("latin-1")


def fields(parser, kind):
    wanted = WANTED.get(kind, USER).split()
    lib.auparse_first_field(parser)
    while True:
        name = lib.auparse_get_field_name(parser)
        if name in wanted or kind == b"EXECVE":
            raw = text(lib.auparse_get_field_str(parser))
            yield [text(name), raw, text(lib.auparse_interpret_field(parser))]
        if lib.auparse_next_field(parser) != 1:
            return


def records(parser):
    while True:
        kind = lib.auparse_get_type_name(parser)
        if kind in WANTED or kind in (b"EXECVE", b"ADD_USER", b"DEL_USER") or kind.startswith((b"USER_", b"CRED_")):
            yield [text(kind), list(fields(parser, kind))]
        if lib.auparse_next_record(parser) != 1:
            return


parser = ctypes.c_void_p(lib.auparse_init(AUSOURCE_FILE, sys.argv[1].encode()))
lib.auparse_set_escape_mode(parser, ESCAPE_RAW)
while lib.auparse_next_event(parser) == 1:
    serial = lib.auparse_get_timestamp(parser).contents.serial
    print(json.dumps([serial, list(records(parser))]))
