//! CPU time per event at several rates, for auditrd and the programs that it is compared with.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use signal_hook::consts::SIGTERM;

use super::{
    Guard, Work,
    audit::{registered, wait_for_the_kernel, wait_until},
    await_listener, children, make, os, remove, sleeps,
    support::{
        number, option,
        plot::{Line, Texts, svg},
        programs::{laurel_config, laurels, version},
    },
    used_by,
};

/// Events per second; 0 for as many as possible.
const RATES: [u64; 6] = [10, 100, 250, 1000, 10_000, 0];

/// Debian's auditd.conf, except for full disks, on which nobody has to be alerted here.
const AUDITD: &str = "\
local_events = yes
write_logs = yes
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
priority_boost = 4
q_depth = 2000
overflow_action = SYSLOG
max_log_file_action = IGNORE
space_left = 2
space_left_action = IGNORE
admin_space_left = 1
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
";

/// A program that listens to the kernel.
struct Listener {
    name: String,
    kind: Kind,
}

enum Kind {
    Bare(PathBuf),
    Auditrd(String),
    /// With the path of laurel, if it is its plugin.
    Auditd(Option<String>),
}

/// The cost of a run.
struct Sample {
    cpu: Duration,
    wakes: u64,
    events: u64,
    /// Events per second.
    rate: f64,
    /// Files that are not in the output.
    missing: u64,
}

/// Measures all listeners at all rates in turn, prints a table, and draws the plot into a file.
pub(crate) fn curve(bare: &Path, binary: &str, directory: &Path, plot: &Path) {
    let listeners = listeners(bare, binary);
    let rounds = number("--rounds", 5);
    println!("CPU us per event (wake-ups per event), medians of {rounds} rounds");
    let names: Vec<&str> = listeners.iter().map(|one| one.name.as_str()).collect();
    println!("| events per second | {} |", names.join(" | "));
    println!("|---:|{}", "---:|".repeat(names.len()));
    let mut lines: Vec<Line> = listeners.iter().map(Line::of).collect();
    let rates = match option("--rate") {
        Some(_) => vec![number("--rate", 0)],
        None => RATES.to_vec(),
    };
    for rate in rates {
        let mut samples: Vec<Vec<Sample>> = listeners.iter().map(|_| Vec::new()).collect();
        for round in 0..rounds {
            let mut turns: Vec<usize> = (0..listeners.len()).collect();
            turns.rotate_left(round as usize % listeners.len());
            for turn in turns {
                samples[turn].push(listeners[turn].run(rate, directory));
            }
        }
        let cells: Vec<String> = samples.iter().map(|samples| cell(samples)).collect();
        let pace = samples[0].iter().map(|sample| sample.rate).sum::<f64>() / rounds as f64;
        println!("| {pace:.0} | {} |", cells.join(" | "));
        for (line, samples) in lines.iter_mut().zip(&samples) {
            line.points.push((pace, middle(samples, Sample::cost)));
        }
    }
    let texts = Texts {
        title: "CPU time of listening to the kernel",
        x: "events per second",
        y: "CPU time per event, in microseconds",
    };
    fs::write(plot, svg(&texts, &lines)).expect("the plot can be written");
}

fn listeners(bare: &Path, binary: &str) -> Vec<Listener> {
    let mut all = vec![
        Listener::new("bare loop", Kind::Bare(bare.to_owned())),
        Listener::new("auditrd", Kind::Auditrd(binary.to_owned())),
    ];
    let Some(auditd) = version("auditctl", "-v").filter(|_| has_auditd()) else {
        return all;
    };
    all.push(Listener::new(
        &format!("auditd {auditd}"),
        Kind::Auditd(None),
    ));
    for (path, version) in laurels() {
        let found = Path::new(&path).is_absolute();
        let path = if found {
            path
        } else {
            format!("/usr/sbin/{path}")
        };
        let name = format!("auditd and laurel {version}");
        all.push(Listener::new(&name, Kind::Auditd(Some(path))));
    }
    all
}

fn has_auditd() -> bool {
    let is_there = Command::new("auditd").arg("-h").output().is_ok();
    if !is_there {
        eprintln!("not measured: auditd is not installed");
    }
    is_there
}

impl Line {
    fn of(listener: &Listener) -> Line {
        Line {
            name: listener.name.clone(),
            points: Vec::new(),
        }
    }
}

impl Sample {
    /// CPU microseconds per event.
    fn cost(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.events as f64
    }
}

fn middle(samples: &[Sample], number: impl Fn(&Sample) -> f64) -> f64 {
    super::median(samples.iter().map(number).collect())
}

fn cell(samples: &[Sample]) -> String {
    let wakes = middle(samples, |sample| sample.wakes as f64 / sample.events as f64);
    let missing: u64 = samples.iter().map(|sample| sample.missing).sum();
    let lost = match missing {
        0 => String::new(),
        missing => format!(", {missing} lost"),
    };
    format!("{:.1} ({wakes:.2}{lost})", middle(samples, Sample::cost))
}

impl Listener {
    fn new(name: &str, kind: Kind) -> Listener {
        Listener {
            name: name.to_owned(),
            kind,
        }
    }

    /// Creates files at a rate while it listens.
    fn run(&self, rate: u64, watched: &Path) -> Sample {
        let files = match rate {
            0 => 20_000,
            rate => (rate * number("--seconds", 4)).clamp(40, 20_000),
        };
        let own = tempfile::tempdir_in(watched.parent().expect("it has one")).expect("a directory");
        let mut listener = Guard(self.start(own.path()));
        let pid = listener.0.id();
        let is_unicast = matches!(self.kind, Kind::Auditd(_));
        await_listener(
            &listener.0,
            if is_unicast { "unicast" } else { "multicast" },
        );
        settle(pid);
        let (cpu, wakes, start) = (cpu(pid), all_sleeps(pid), Instant::now());
        make(&Work::at(watched, files, rate));
        let elapsed = start.elapsed();
        wait_for_the_kernel();
        settle(pid);
        let sample = Sample {
            cpu: self::cpu(pid) - cpu,
            wakes: all_sleeps(pid) - wakes,
            events: files,
            rate: files as f64 / elapsed.as_secs_f64(),
            missing: 0,
        };
        os::kill(pid, SIGTERM);
        listener.0.wait().expect("its end");
        if is_unicast {
            wait_until("the registration ends", || {
                (registered() == 0).then_some(())
            });
        }
        remove(watched);
        Sample {
            missing: self.missing(own.path(), watched, files),
            ..sample
        }
    }

    fn start(&self, own: &Path) -> Child {
        let mut command = match &self.kind {
            Kind::Bare(path) => {
                let mut command = Command::new(path);
                command.arg("multicast");
                command
            }
            Kind::Auditrd(path) => {
                let mut command = Command::new(path);
                command.args(["-q", "-o"]).arg(own.join("events"));
                command
            }
            Kind::Auditd(laurel) => auditd(own, laurel.as_deref()),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let errors = File::create(own.join("errors")).expect("a file");
        command.stderr(errors).spawn().expect("a listener")
    }

    /// How many files have no line in the output.
    fn missing(&self, own: &Path, watched: &Path, files: u64) -> u64 {
        let output = match &self.kind {
            Kind::Bare(_) => return 0,
            Kind::Auditrd(_) | Kind::Auditd(Some(_)) => own.join("events"),
            Kind::Auditd(None) => own.join("log"),
        };
        let text = fs::read_to_string(output).unwrap_or_default();
        let start = format!("{}/file-", watched.display());
        let names = text.split(&start).skip(1);
        let numbers = names.filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            rest[..end].parse::<u64>().ok()
        });
        files - numbers.collect::<HashSet<u64>>().len() as u64
    }
}

/// An auditd with private files, and perhaps a plugin.
fn auditd(own: &Path, laurel: Option<&str>) -> Command {
    let plugins = own.join("plugins.d");
    fs::create_dir(&plugins).expect("a directory");
    let log = own.join("log");
    let places = format!(
        "log_file = {}\nplugin_dir = {}\n",
        log.display(),
        plugins.display()
    );
    fs::write(own.join("auditd.conf"), format!("{AUDITD}{places}")).expect("a file");
    if let Some(path) = laurel {
        let config = laurel_config(own).expect("a file");
        let plugin = format!(
            "active = yes\ndirection = out\ntype = always\nformat = string\npath = {path}\nargs = --config {}\n",
            config.display()
        );
        fs::write(plugins.join("laurel.conf"), plugin).expect("a file");
    }
    let mut command = Command::new("auditd");
    command.args(["-n", "-s", "nochange", "-c"]).arg(own);
    command
}

/// A process and all below it.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        all.extend(children(pid));
        next += 1;
    }
    all
}

fn cpu(pid: u32) -> Duration {
    family(pid).into_iter().map(used_by).sum()
}

fn all_sleeps(pid: u32) -> u64 {
    family(pid).into_iter().map(sleeps).sum()
}

/// Waits until a listener sleeps, but no longer than five seconds, because some programs wake up
/// regularly.
fn settle(pid: u32) {
    let mut before = None;
    for _ in 0..20 {
        thread::sleep(Duration::from_millis(250));
        let now = all_sleeps(pid);
        if before.replace(now) == Some(now) {
            return;
        }
    }
}
