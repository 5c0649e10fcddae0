use super::*;
use crate::model::{
    Action, Actor, Arena, Attributes, Edition, EventId, EventRecord, Fields, Identity, Origin,
    ProcessAction, SocketAction, SocketStatus, Text,
    record_type::{
        AUDIT_ADD_GROUP, AUDIT_ADD_USER, AUDIT_AVC, AUDIT_SERVICE_START, AUDIT_SYSCALL,
        AUDIT_USER_CMD, AUDIT_USER_LOGIN,
    },
};

fn event(detail: Detail<'_>) -> AuditEvent<'_> {
    AuditEvent {
        id: EventId::default(),
        node: None,
        record_type: AUDIT_SYSCALL,
        arch: None,
        success: None,
        syscall: "",
        exit: 0,
        error: None,
        actor: Actor::default(),
        key: None,
        cwd: None,
        detail,
        records: &[],
        who: who(),
        incomplete: false,
        truncated: false,
        relayed: false,
        redacted: false,
        repeats: None,
    }
}

/// A context whose parts are there, each without any text.
fn who<'a>() -> Who<'a> {
    Who {
        parent: Some(Parent {
            pid: 1,
            exe: b"",
            commandline: None,
            origin: Origin::Records,
            edition: Edition::default(),
        }),
        login: Some(Login::default()),
        container: Some(Container::new(b"")),
        ..Who::default()
    }
}

fn events<'a>() -> [AuditEvent<'a>; 5] {
    let process = ProcessDetail {
        action: ProcessAction::Executed,
        commandline: None,
        path: None,
        real_path: None,
        path_unresolved: false,
        argv: None,
        attributes: Attributes::default(),
    };
    let file = FileDetail {
        action: Action::Renamed,
        commandline: None,
        path: None,
        dest_path: None,
        real_path: None,
        real_dest_path: None,
        path_unresolved: false,
        attributes: Attributes::default(),
    };
    let user = UserDetail {
        msg: None,
        terminal: None,
        hostname: None,
        res: None,
        op: None,
        acct: None,
        addr: None,
        cmd: None,
        fields: &[],
    };
    let socket = SocketDetail {
        action: SocketAction::Connect,
        status: Some(SocketStatus::Succeeded),
        commandline: None,
        family: None,
        local_address: None,
        local_port: None,
        remote_address: None,
        remote_port: None,
        socket: None,
        fd: None,
        path: None,
        real_path: None,
        path_unresolved: false,
        attributes: Attributes::default(),
    };
    [
        event(Detail::Process(process)),
        event(Detail::File(file)),
        event(Detail::User(user)),
        event(Detail::Socket(socket)),
        event(Detail::Audit(AuditDetail::default())),
    ]
}

/// Makes every text of an event the same one. Returns the keys.
fn fill<'a>(event: &mut AuditEvent<'a>, text: &'a [u8], arena: &'a Arena) -> Vec<&'static str> {
    let mut keys = Vec::new();
    event.texts_mut(|key, place| {
        keys.push(key);
        match place {
            Text::One(one) => *one = Some(text),
            Text::List(list) => *list = Some(arena.bump().alloc([text])),
            Text::Map(map) => *map = arena.bump().alloc([(&b"name"[..], text)]),
            Text::Records(records) => {
                let fields = arena.bump().alloc([(&b"name"[..], text)]);
                let record_type = AUDIT_AVC;
                *records = arena.bump().alloc([EventRecord {
                    record_type,
                    fields: Fields::Decoded(fields),
                }]);
            }
        }
    });
    keys
}

#[test]
fn every_text_of_an_event_is_written_and_its_exact_bytes_too() {
    let arena = Arena::new();
    for mut event in events() {
        let keys = fill(&mut event, b"bad\xff", &arena);
        let (mut own, mut ecs) = (Vec::new(), Vec::new());
        line(&event, &mut own);
        ecs::line(&event, None, &mut ecs);
        let own: serde_json::Value = serde_json::from_slice(&own).unwrap();
        let ecs: serde_json::Value = serde_json::from_slice(&ecs).unwrap();
        for key in keys {
            let (object, member) = match key.split_once('.') {
                Some((object, member)) => (&own[object], member),
                None => (&own, key),
            };
            let exact = [
                &object[format!("{member}_hex")],
                &object[member]["name_hex"],
                &own[key]["AVC"][0]["name_hex"],
            ];
            let exact = exact.map(serde_json::Value::to_string).concat();
            assert!(exact.contains("\"626164FF\""), "{key}: {own}");
            let exact = ecs["auditrd"]["hex"][key].to_string();
            assert!(exact.contains("\"626164FF\""), "{key}: {ecs}");
        }
    }
}

/// Makes each text of an event one of its own, its key and a mark. Returns the texts.
fn name_texts<'a>(event: &mut AuditEvent<'a>, arena: &'a Arena) -> Vec<&'a str> {
    let mut texts = Vec::new();
    event.texts_mut(|key, place| {
        let text = arena.bump().alloc_str(&format!("{key}!"));
        let text: &'a str = text;
        texts.push(text);
        let text = text.as_bytes();
        match place {
            Text::One(one) => *one = Some(text),
            Text::List(list) => *list = Some(arena.bump().alloc([text])),
            Text::Map(map) => *map = arena.bump().alloc([(&b"of"[..], text)]),
            Text::Records(records) => {
                let fields = arena.bump().alloc([(&b"of"[..], text)]);
                let record_type = AUDIT_AVC;
                *records = arena.bump().alloc([EventRecord {
                    record_type,
                    fields: Fields::Decoded(fields),
                }]);
            }
        }
    });
    texts
}

/// The texts and numbers of a line.
fn values(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| values(item, found)),
        serde_json::Value::Object(members) => {
            members.values().for_each(|member| values(member, found));
        }
        serde_json::Value::String(text) => found.push(text.clone()),
        other => found.push(other.to_string()),
    }
}

#[test]
fn the_schemas_lose_nothing_of_an_event_of_any_class() {
    let types = [
        AUDIT_SYSCALL,
        AUDIT_USER_LOGIN,
        AUDIT_ADD_USER,
        AUDIT_ADD_GROUP,
        AUDIT_USER_CMD,
        AUDIT_SERVICE_START,
    ];
    let pids = [Identity::UNSET, 7];
    let arena = Arena::new();
    for (record_type, pid) in types
        .into_iter()
        .flat_map(|name| pids.map(|pid| (name, pid)))
    {
        for mut event in events() {
            event.record_type = record_type;
            event.actor.ids.pid = pid;
            let mut expected = name_texts(&mut event, &arena);
            // The context of a process is known by its id.
            expected.retain(|text| {
                let is_context = text.starts_with("parent.") || text.starts_with("container.");
                pid != Identity::UNSET
                    || !is_context && !matches!(*text, "entity_id!" | "ancestors!")
            });
            match &mut event.detail {
                Detail::File(FileDetail { attributes, .. }) => {
                    (attributes.inode, attributes.ouid) = (Some(90001), Some(90002));
                    expected.extend(["90001", "90002"]);
                }
                Detail::Socket(detail) => {
                    (detail.local_port, detail.remote_port) = (Some(90001), Some(90002));
                    expected.extend(["90001", "90002"]);
                }
                _ => {}
            }
            let (mut ecs, mut ocsf) = (Vec::new(), Vec::new());
            ecs::line(&event, None, &mut ecs);
            ocsf::line(&event, None, &mut ocsf);
            for line in [ecs, ocsf] {
                let mut found = Vec::new();
                let mut line: serde_json::Value = serde_json::from_slice(&line).unwrap();
                // They repeat values that are elsewhere.
                line.as_object_mut().unwrap().remove("observables");
                values(&line, &mut found);
                for text in &expected {
                    assert!(found.iter().any(|value| value == text), "{text}: {line}");
                }
            }
        }
    }
}

#[test]
fn every_text_of_an_event_is_cut_to_the_length_of_a_line() {
    let arena = Arena::new();
    for mut event in events() {
        let long = vec![b'x'; 8192];
        fill(&mut event, arena.bump().alloc_slice_copy(&long), &arena);
        let mut out = Vec::new();
        line_within(&mut event, 4096, &arena, &mut out);
        assert!(out.len() <= 4096, "{}", out.len());
    }
}
