//! Sessions that were open before the first record, from the files in which the system keeps them.
//!
//! systemd-logind has a file for each session in `/run/systemd/sessions`, with the number of the
//! audit session in `AUDIT` (systemd, `logind-session.c`). `/run/utmp` has an entry for each
//! terminal that somebody is logged in on (utmp(5)), without that number: it is that of the process
//! in the entry. Newer systems have only one of the two.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

use crate::model::{Identity, Timestamp};

/// A session that was open before the first record.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OpenSession {
    /// The number of the audit session (`ses`).
    pub session: u32,
    /// The process that opened it.
    pub leader: u32,
    /// The account.
    pub acct: Option<Vec<u8>>,
    /// The address that the user came from.
    pub addr: Option<Vec<u8>>,
    /// The terminal, such as `/dev/pts/0`.
    pub terminal: Option<Vec<u8>>,
    /// When it was opened.
    pub since: Timestamp,
}

/// The sessions that are open now. What cannot be read is left out.
pub fn open_sessions() -> Vec<OpenSession> {
    read(Path::new("/"))
}

/// As [`open_sessions`], of the system with this root directory.
fn read(root: &Path) -> Vec<OpenSession> {
    let session_of = |pid: u32| {
        let text = fs::read_to_string(root.join(format!("proc/{pid}/sessionid"))).ok()?;
        text.trim().parse().ok()
    };
    let mut sessions: Vec<OpenSession> = Vec::new();
    let files = fs::read_dir(root.join("run/systemd/sessions"));
    for file in files.into_iter().flatten().flatten() {
        // There is a FIFO next to each file, `ID.ref`, and opening one waits for its writer.
        if !file.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let text = fs::read_to_string(file.path()).unwrap_or_default();
        // If the leader can be seen, it is still in that session, unless its pid is reused.
        let is_right = |session: &OpenSession| {
            session_of(session.leader).is_none_or(|known| known == session.session)
        };
        sessions.extend(of_logind(&text).filter(is_right));
    }
    let utmp = fs::read(root.join("run/utmp")).unwrap_or_default();
    for mut entry in entries(&utmp) {
        let Some(session) = session_of(entry.leader).filter(|number| *number != Identity::UNSET)
        else {
            continue;
        };
        entry.session = session;
        let known = sessions.iter_mut().find(|known| known.session == session);
        match known {
            Some(known) => {
                known.acct = known.acct.take().or(entry.acct);
                known.addr = known.addr.take().or(entry.addr);
                known.terminal = known.terminal.take().or(entry.terminal);
            }
            None => sessions.push(entry),
        }
    }
    sessions
}

/// The session in a file of systemd-logind, if it has a number.
fn of_logind(text: &str) -> Option<OpenSession> {
    let value = |name: &str| {
        let mut values = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        values.next().filter(|value| !value.is_empty())
    };
    let session = value("AUDIT")?.parse().ok()?;
    let micros = value("REALTIME").and_then(|micros| micros.parse().ok());
    let host = value("REMOTE_HOST").filter(|host| host.parse::<IpAddr>().is_ok());
    (session != Identity::UNSET).then_some(OpenSession {
        session,
        leader: value("LEADER").and_then(|pid| pid.parse().ok())?,
        acct: value("USER").map(|name| name.as_bytes().to_vec()),
        addr: host.map(|host| host.as_bytes().to_vec()),
        terminal: value("TTY").map(|tty| device(tty.as_bytes())),
        since: Timestamp::from_system(UNIX_EPOCH + Duration::from_micros(micros?)),
    })
}

/// The path of a terminal, as login records have it.
fn device(line: &[u8]) -> Vec<u8> {
    match line {
        // A display of X.
        [b':' | b'/', ..] => line.to_vec(),
        _ => [b"/dev/", line].concat(),
    }
}

/// An entry of somebody who is logged in (utmp.h).
const USER_PROCESS: u16 = 7;

/// The layouts of `struct utmp` in glibc: with times of 32 bits, which most architectures have for
/// the sake of programs of 32 bits, and of 64 bits (`__WORDSIZE_TIME64_COMPAT32` in
/// bits/utmp.h). A program that is linked with another C library reads the same file, so the layout
/// is that of the file and not of the program.
#[derive(Clone, Copy)]
struct Layout {
    size: usize,
    seconds: usize,
    addr: usize,
    has_wide_times: bool,
}

const NARROW: Layout = Layout {
    size: 384,
    seconds: 340,
    addr: 348,
    has_wide_times: false,
};
const WIDE: Layout = Layout {
    size: 400,
    seconds: 344,
    addr: 360,
    has_wide_times: true,
};

/// The entries of somebody who is logged in, without the number of their session.
fn entries(file: &[u8]) -> impl Iterator<Item = OpenSession> {
    let has_wide = cfg!(any(target_arch = "aarch64", target_arch = "loongarch64"));
    let is_of = |layout: &Layout| file.len().is_multiple_of(layout.size);
    let usual = if has_wide {
        [WIDE, NARROW]
    } else {
        [NARROW, WIDE]
    };
    let layout = usual.into_iter().find(is_of);
    let chunks = file.chunks_exact(layout.map_or(file.len().max(1), |layout| layout.size));
    chunks.filter_map(move |entry| of_utmp(entry, layout?))
}

fn of_utmp(entry: &[u8], layout: Layout) -> Option<OpenSession> {
    let text = |at: usize, length: usize| {
        let field = entry.get(at..at + length)?;
        let text = field.split(|byte| *byte == 0).next()?;
        (!text.is_empty()).then_some(text)
    };
    let word = |at: usize| Some(u32::from_ne_bytes(*entry.get(at..)?.first_chunk()?));
    if u16::from_ne_bytes(*entry.first_chunk()?) != USER_PROCESS {
        return None;
    }
    let seconds = match layout.has_wide_times {
        true => u64::from_ne_bytes(*entry.get(layout.seconds..)?.first_chunk()?),
        false => u64::from(word(layout.seconds)?),
    };
    Some(OpenSession {
        session: Identity::UNSET,
        leader: word(4)?,
        terminal: text(8, 32).map(device),
        acct: text(44, 32).map(<[u8]>::to_vec),
        addr: address(entry.get(layout.addr..)?.first_chunk()?),
        since: Timestamp { seconds, millis: 0 },
    })
}

/// The address of an entry: one of IPv4 has only the first of the four words.
fn address(bytes: &[u8; 16]) -> Option<Vec<u8>> {
    let address: IpAddr = match bytes {
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => return None,
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] => Ipv4Addr::new(*a, *b, *c, *d).into(),
        _ => Ipv6Addr::from(*bytes).to_canonical(),
    };
    Some(address.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A root directory with files, each a path and its contents.
    fn root(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, contents) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
        root
    }

    fn entry(layout: Layout, pid: u32, line: &str, user: &str, addr: &[u8]) -> Vec<u8> {
        let mut entry = vec![0; layout.size];
        let mut put = |at: usize, bytes: &[u8]| entry[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &USER_PROCESS.to_ne_bytes());
        put(4, &pid.to_ne_bytes());
        put(8, line.as_bytes());
        put(44, user.as_bytes());
        put(76, b"client.example");
        put(layout.addr, addr);
        match layout.has_wide_times {
            true => put(layout.seconds, &1_700_000_000u64.to_ne_bytes()),
            false => put(layout.seconds, &1_700_000_000u32.to_ne_bytes()),
        }
        entry
    }

    const LOGIND: &[u8] = b"# This is private data. Do not parse.\nUID=1000\nUSER=alice\n\
        ACTIVE=1\nSTATE=active\nREMOTE=1\nTYPE=tty\nCLASS=user\nSCOPE=session-3.scope\n\
        REMOTE_HOST=192.0.2.7\nSERVICE=sshd\nLEADER=4711\nAUDIT=3\nREALTIME=1700000000123456\n";

    fn alice() -> OpenSession {
        OpenSession {
            session: 3,
            leader: 4711,
            acct: Some(b"alice".to_vec()),
            addr: Some(b"192.0.2.7".to_vec()),
            terminal: None,
            since: Timestamp {
                seconds: 1_700_000_000,
                millis: 123,
            },
        }
    }

    #[test]
    fn a_session_of_logind_is_read_and_utmp_adds_its_terminal() {
        let file = ("run/systemd/sessions/3", LOGIND);
        assert_eq!(read(root(&[file]).path()), [alice()]);
        let utmp = entry(NARROW, 4712, "pts/0", "alice", &[192, 0, 2, 7]);
        let files = [
            file,
            ("proc/4711/sessionid", b"3"),
            ("proc/4712/sessionid", b"3\n"),
            ("run/utmp", &utmp),
        ];
        let terminal = Some(b"/dev/pts/0".to_vec());
        let both = OpenSession {
            terminal,
            ..alice()
        };
        assert_eq!(read(root(&files).path()), [both]);
    }

    #[test]
    fn a_fifo_of_logind_is_not_read() {
        let root = root(&[("run/systemd/sessions/3", LOGIND)]);
        let fifo = root.path().join("run/systemd/sessions/3.ref");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        // A reader of the FIFO would find a second session.
        let text = str::from_utf8(LOGIND)
            .unwrap()
            .replace("AUDIT=3", "AUDIT=4");
        let path = fifo.clone();
        let writer = std::thread::spawn(move || drop(fs::write(path, text)));
        assert_eq!(read(root.path()), [alice()]);
        // Lets the writer end.
        fs::read(&fifo).unwrap();
        writer.join().unwrap();
    }

    #[test]
    fn a_session_whose_leader_is_in_another_is_left_out() {
        let files = [
            ("run/systemd/sessions/3", LOGIND),
            ("proc/4711/sessionid", b"9"),
        ];
        assert_eq!(read(root(&files).path()), []);
    }

    #[test]
    fn a_session_without_a_number_is_left_out() {
        let text = str::from_utf8(LOGIND).unwrap();
        for wrong in ["", "AUDIT=\n", "AUDIT=x\n", "AUDIT=4294967295\n"] {
            assert_eq!(
                of_logind(&text.replace("AUDIT=3\n", wrong)),
                None,
                "{wrong:?}"
            );
        }
        let named = text.replace("192.0.2.7", "client.example");
        assert_eq!(
            of_logind(&named).unwrap().addr,
            None,
            "a name is no address"
        );
    }

    #[test]
    fn utmp_is_read_in_both_layouts() {
        for layout in [NARROW, WIDE] {
            let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7).octets();
            let mut utmp = entry(layout, 10, "pts/0", "alice", &[192, 0, 2, 7]);
            utmp.extend(entry(layout, 11, ":0", "bob", &v6));
            // A terminal that nobody is logged in on.
            utmp.extend(vec![0; layout.size]);
            utmp.extend(entry(layout, 12, "tty1", "carol", &[]));
            let files = [
                ("run/utmp", &utmp[..]),
                ("proc/10/sessionid", b"1"),
                ("proc/11/sessionid", b"2"),
                ("proc/12/sessionid", b"4294967295"),
            ];
            let sessions = read(root(&files).path());
            let text = |text: &Option<Vec<u8>>| String::from_utf8(text.clone().unwrap()).unwrap();
            let lines = sessions.iter().map(|session| {
                let texts = [&session.acct, &session.addr, &session.terminal].map(text);
                format!("{} {}", session.session, texts.join(" "))
            });
            let expected = ["1 alice 192.0.2.7 /dev/pts/0", "2 bob 2001:db8::7 :0"];
            assert_eq!(lines.collect::<Vec<_>>(), expected, "{}", layout.size);
            assert_eq!(sessions[0].since.seconds, 1_700_000_000);
        }
    }

    #[test]
    fn files_that_are_cut_or_missing_are_no_sessions() {
        assert_eq!(read(Path::new("/no/such/root")), []);
        for length in [1, 383, 385, 1000] {
            assert_eq!(entries(&vec![7; length]).count(), 0, "{length}");
        }
        assert_eq!(entries(b"").count(), 0);
    }

    #[test]
    fn the_layout_is_that_of_the_c_library() {
        if cfg!(target_env = "gnu") {
            let has_wide = cfg!(any(target_arch = "aarch64", target_arch = "loongarch64"));
            let layout = if has_wide { WIDE } else { NARROW };
            assert_eq!(layout.size, size_of::<libc::utmpx>());
            assert_eq!(layout.addr, std::mem::offset_of!(libc::utmpx, ut_addr_v6));
            assert_eq!(layout.seconds, std::mem::offset_of!(libc::utmpx, ut_tv));
            assert_eq!(44, std::mem::offset_of!(libc::utmpx, ut_user));
        }
    }
}
