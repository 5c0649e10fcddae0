//! PATH and CWD: the roles of names.

use serde_json::json;

use super::{call, event, log, syscall};
use crate::common::replay;

#[test]
fn a_descriptor_without_a_name_has_its_inode_and_is_unresolved() {
    let event = event(&[
        &call(91, "a0=4 items=1"),
        "CWD cwd=\"/\"",
        "PATH item=0 name=(null) inode=917101 dev=fe:00 mode=0100644 nametype=NORMAL",
    ]);
    assert!(event.get("path").is_none());
    assert_eq!(
        (&event["inode"], &event["path_unresolved"]),
        (&json!("917101"), &json!(true))
    );
}

#[test]
fn a_syscall_without_path_records_is_unresolved() {
    let event = event(&[&call(77, "a0=4 a1=0 items=0"), "PROCTITLE proctitle=\"x\""]);
    assert_eq!(
        (&event["syscall"], &event["action"]),
        (&json!("ftruncate"), &json!("modified"))
    );
    assert_eq!(event["path_unresolved"], true);
}

#[test]
fn at_fdcwd_is_recognized_in_32_and_64_bits() {
    for fd in ["ffffff9c", "ffffffffffffff9c"] {
        let event = event(&[
            &call(257, &format!("a0={fd} a1=0 a2=0 items=1")),
            "CWD cwd=\"/home/u\"",
            "PATH item=0 name=\"x\" inode=1 dev=fe:00 nametype=NORMAL",
        ]);
        assert_eq!(event["path"], "/home/u/x");
    }
}

#[test]
fn a_name_under_a_descriptor_is_not_joined_to_the_working_directory() {
    let event = event(&[
        &call(263, "a0=4 a1=0 a2=0 items=2"),
        "CWD cwd=\"/home/u/Desktop\"",
        "PATH item=0 name=\"/home/u/Desktop\" inode=77 dev=fe:00 mode=040755 nametype=PARENT",
        "PATH item=1 name=\"111.txt\" inode=78 dev=fe:00 mode=0100644 nametype=DELETE",
    ]);
    assert_eq!(
        (&event["path"], &event["path_unresolved"]),
        (&json!("111.txt"), &json!(true))
    );
}

#[test]
fn resolve_in_root_confines_a_name_to_its_directory() {
    let open_dir = call(257, "a0=ffffff9c a2=10000 items=1").replace("exit=0", "exit=4");
    let dir = "PATH item=0 name=\"/jail\" inode=9 dev=fe:00 mode=040755 nametype=NORMAL";
    let file = |name: &str, resolve: &str| {
        // A descriptor alone is no proof, so the file is known from before.
        let known = "PATH item=0 name=\"/jail/etc/shadow\" inode=5 dev=fe:00 nametype=NORMAL";
        let chmod = call(90, "items=1");
        let known = log(0, &[&chmod, "CWD cwd=\"/\"", known, "EOE"]);
        let first = known + &log(1, &[&open_dir, "CWD cwd=\"/\"", dir, "EOE"]);
        let path = format!("PATH item=0 name=\"{name}\" inode=5 dev=fe:00 nametype=NORMAL");
        let how = format!("OPENAT2 oflag=02 mode=00 resolve={resolve}");
        let open = call(437, "a0=4 items=1");
        let second = log(2, &[&open, &how, "CWD cwd=\"/w\"", &path, "EOE"]);
        replay(first + &second, &[])[2]["path"].clone()
    };
    assert_eq!(file("/etc/shadow", "0x10"), "/jail/etc/shadow");
    assert_eq!(file("../../etc/shadow", "0x10"), "/jail/etc/shadow");
    assert_eq!(file("/etc/shadow", "0x8"), "/etc/shadow");
    assert_eq!(file("etc/shadow", "0x8"), "/jail/etc/shadow");
    // `link` may lead anywhere in the jail, and the `..` out of it nowhere.
    assert_eq!(file("link/../../etc/shadow", "0x10"), "/jail/etc/shadow");
}

#[test]
fn two_dots_in_a_root_are_left_where_a_link_may_be_before_them() {
    let path = |name: &str| {
        let path = format!("PATH item=0 name=\"{name}\" inode=5 dev=fe:00 nametype=NORMAL");
        let how = "OPENAT2 oflag=02 mode=00 resolve=0x10";
        let open = call(437, "a0=ffffff9c items=1").replace("exit=0", "exit=4");
        let event = event(&[&open, how, "CWD cwd=\"/w\"", &path, "EOE"]);
        (event["path"].clone(), event["path_unresolved"].clone())
    };
    let whole = |path: &str| (json!(path), json!(null));
    assert_eq!(path("link/../shadow"), whole("/w/link/../shadow"));
    assert_eq!(path("/../x"), whole("/w/x"));
    assert_eq!(path("link/../../x"), (json!(null), json!(true)));
}

#[test]
fn a_new_name_is_not_joined_to_its_directory_twice() {
    let event = event(&[
        &call(257, "a0=ffffff9c a2=41 items=2"),
        "CWD cwd=\"/w\"",
        "PATH item=0 name=\"sub/\" inode=1 dev=fe:00 mode=040755 nametype=PARENT",
        "PATH item=1 name=\"sub/new\" inode=2 dev=fe:00 mode=0100644 nametype=CREATE",
    ]);
    assert_eq!(
        (&event["path"], &event["action"]),
        (&json!("/w/sub/new"), &json!("created"))
    );
}

#[test]
fn a_working_directory_may_be_hex_or_follow_two_spaces() {
    let path = |cwd: &str| {
        let record = "PATH item=0 name=\"x\" inode=1 dev=fe:00 nametype=NORMAL";
        event(&[&call(90, "items=1"), cwd, record])["path"].clone()
    };
    assert_eq!(path("CWD  cwd=\"/\""), "/x");
    assert_eq!(path("CWD cwd=2F746D702F61206220"), "/tmp/a b /x");
}

#[test]
fn a_name_in_a_removed_working_directory_stays_relative() {
    let event = event(&[
        &call(90, "items=1"),
        "CWD cwd=2F746D702F78202864656C6574656429",
        "PATH item=0 name=\"x\" inode=1 dev=fe:00 nametype=NORMAL",
    ]);
    assert_eq!(
        (&event["path"], &event["path_unresolved"]),
        (&json!("x"), &json!(true))
    );
}

#[test]
fn every_spelling_of_the_nametype_is_parsed() {
    let path = |nametype: &str| {
        let record = format!("PATH item=1 name=\"/t/x\" inode=2 dev=fe:00 {nametype}");
        event(&[&call(85, "items=2"), "CWD cwd=\"/\"", &record])["action"].clone()
    };
    assert_eq!(path("objtype=CREATE"), "created");
    assert_eq!(path("nametype=\"CREATE\""), "created");
    assert_eq!(path("nametype=NORMAL"), "modified"); // creat(2) cuts what is there
}

#[test]
fn a_name_without_a_nametype_is_used() {
    let record = "PATH item=0 name=\"/etc/x\" inode=1 dev=fe:00 mode=0100644";
    assert_eq!(event(&[&call(90, "items=1"), record])["path"], "/etc/x");
}

#[test]
fn a_non_ascii_name_is_decoded() {
    let record = "PATH item=0 name=2FE8AFBB2F inode=1 dev=fe:00 nametype=NORMAL";
    assert_eq!(event(&[&call(90, "items=1"), record])["path"], "/读");
}

#[test]
fn a_file_named_null_is_a_file() {
    let record = "PATH item=0 name=\"(null)\" inode=1 dev=fe:00 nametype=NORMAL";
    assert_eq!(
        event(&[&call(90, "items=1"), "CWD cwd=\"/\"", record])["path"],
        "/(null)"
    );
}

#[test]
fn path_records_without_a_name_are_ignored() {
    let event = event(&[
        &call(87, "items=3"),
        "CWD cwd=\"/w\"",
        "PATH item=0 name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
        "PATH item=1 name=\"x\" inode=2 dev=fe:00 mode=0100644 nametype=DELETE",
        "PATH item=2 name=(null) inode=9 dev=00:2a nametype=PARENT",
    ]);
    assert_eq!(event["path"], "/w/x");
}

#[test]
fn a_name_with_a_trailing_slash_is_found_in_its_parent_record() {
    // The inode of the working directory is known from another name in it.
    let known = log(
        6,
        &[
            &call(87, "items=2"),
            "CWD cwd=\"/w\"",
            "PATH item=0 name=\"/w\" inode=1 dev=fe:00 mode=040755 nametype=PARENT",
            "PATH item=1 name=\"x\" inode=7 dev=fe:00 mode=0100644 nametype=DELETE",
            "PROCTITLE proctitle=\"x\"",
        ],
    );
    let made = |parent: u32| {
        let parent = format!("PATH item=0 name=\"poc/\" inode={parent} dev=fe:00 nametype=PARENT");
        let records = [
            &call(83, "items=5"),
            "CWD cwd=\"/w\"",
            &parent,
            "PATH item=1 name=(null) nametype=PARENT",
            "PATH item=2 name=(null) inode=2 dev=fe:00 mode=040755 nametype=CREATE",
            "PATH item=3 name=(null) nametype=PARENT",
            "PATH item=4 name=(null) inode=2 dev=fe:00 mode=040755 nametype=CREATE",
        ];
        replay(known.clone() + &log(7, &records), &["-q"]).remove(1)
    };
    let whole = made(1);
    assert_eq!(
        (&whole["path"], &whole["inode"]),
        (&json!("/w/poc"), &json!("2"))
    );
    assert!(whole.get("path_unresolved").is_none());
    // Here the name is the leading part alone.
    let leading = made(5);
    assert_eq!(leading["path"], "/w/poc/");
    assert_eq!(leading["path_unresolved"], true);
}

#[test]
fn the_order_of_items_does_not_matter() {
    let call = call(82, "items=4");
    let old_dir = "PATH item=0 name=\"a/\" inode=1 dev=fe:00 nametype=PARENT";
    let new_dir = "PATH item=1 name=\"b/\" inode=2 dev=fe:00 nametype=PARENT";
    let old = "PATH item=2 name=\"a/x\" inode=3 dev=fe:00 nametype=DELETE";
    let new = "PATH item=3 name=\"b/y\" inode=3 dev=fe:00 nametype=CREATE";
    for paths in [[old_dir, new_dir, old, new], [new, old, new_dir, old_dir]] {
        let event = event(&[
            &call,
            "CWD cwd=\"/w\"",
            paths[0],
            paths[1],
            paths[2],
            paths[3],
        ]);
        assert_eq!(
            (&event["path"], &event["dest_path"]),
            (&json!("/w/a/x"), &json!("/w/b/y"))
        );
    }
}

#[test]
fn a_rename_over_a_file_is_recognized_by_the_inode_that_stays() {
    let event = event(&[
        &call(82, "items=5"),
        "CWD cwd=\"/w\"",
        "PATH item=0 name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
        "PATH item=1 name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
        "PATH item=2 name=\"victim\" inode=4 dev=fe:00 nametype=DELETE",
        "PATH item=3 name=\"old\" inode=3 dev=fe:00 nametype=DELETE",
        "PATH item=4 name=\"victim\" inode=3 dev=fe:00 nametype=CREATE",
    ]);
    assert_eq!(
        (&event["path"], &event["dest_path"]),
        (&json!("/w/old"), &json!("/w/victim"))
    );
}

#[test]
fn an_exchange_has_six_items_and_is_recognized_by_inodes() {
    let event = event(&[
        &call(316, "a0=ffffff9c a2=ffffff9c items=6"),
        "CWD cwd=\"/w\"",
        "PATH item=0 name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
        "PATH item=1 name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
        "PATH item=2 name=\"a\" inode=3 dev=fe:00 nametype=DELETE",
        "PATH item=3 name=\"b\" inode=4 dev=fe:00 nametype=DELETE",
        "PATH item=4 name=\"b\" inode=3 dev=fe:00 nametype=CREATE",
        "PATH item=5 name=\"a\" inode=4 dev=fe:00 nametype=CREATE",
    ]);
    assert_eq!(
        (&event["path"], &event["dest_path"]),
        (&json!("/w/a"), &json!("/w/b"))
    );
}

#[test]
fn a_failed_rename_of_two_directories_does_not_guess_which_is_which() {
    let call = syscall("arch=c000003e syscall=82 success=no exit=-17 items=2");
    let parent = |item: u32, name: &str| {
        format!(
            "PATH item={item} name=\"{name}\" inode={} dev=fe:00 nametype=PARENT",
            name.len()
        )
    };
    let both = |a: &str, b: &str| event(&[&call, "CWD cwd=\"/\"", &parent(0, a), &parent(1, b)]);
    let unknown = both("/one/", "/other/");
    assert!(unknown.get("path").is_none() && unknown.get("dest_path").is_none());
    assert_eq!(unknown["path_unresolved"], true);
    let same = both("/one/", "/one/");
    assert_eq!(
        (&same["path"], &same["dest_path"]),
        (&json!("/one/"), &json!("/one/"))
    );
}

#[test]
fn a_failed_syscall_with_only_a_directory_is_unresolved() {
    let call = syscall("arch=c000003e syscall=87 success=no exit=-2 items=1");
    let parent = "PATH item=0 name=\"/w/\" inode=1 dev=fe:00 nametype=PARENT";
    let event = event(&[&call, "CWD cwd=\"/\"", parent]);
    assert_eq!(
        (&event["path"], &event["path_unresolved"]),
        (&json!("/w/"), &json!(true))
    );
    assert_eq!(
        (&event["action"], &event["error"]),
        (&json!("deleted"), &json!("ENOENT"))
    );
}

#[test]
fn fewer_path_records_than_announced_make_the_event_incomplete() {
    let parent = "PATH item=0 name=\"/w/\" inode=1 dev=fe:00 nametype=PARENT";
    let event = event(&[&call(87, "items=2"), "CWD cwd=\"/\"", parent]);
    assert_eq!(event["incomplete"], true);
}

#[test]
fn any_number_of_items_is_parsed() {
    let items = |count: u32| -> Vec<String> {
        let path = |n| format!("PATH item={n} name=\"/d/{n}\" inode={n} dev=fe:00 nametype=NORMAL");
        std::iter::once(call(90, &format!("items={count}")))
            .chain((0..count).map(path))
            .collect()
    };
    for count in [0, 1, 2, 3, 5, 6, 7, 8, 5000] {
        let records = items(count);
        let records: Vec<_> = records.iter().map(String::as_str).collect();
        let expected = if count == 0 {
            None
        } else {
            Some(json!("/d/0"))
        };
        assert_eq!(event(&records).get("path").cloned(), expected, "{count}");
    }
}

#[test]
fn invalid_item_numbers_are_harmless() {
    for item in ["7", "-1", "99999999999", "x", ""] {
        let path = format!("PATH item={item} name=\"/x\" inode=1 dev=fe:00 nametype=NORMAL");
        assert_eq!(
            event(&[&call(90, "items=1"), &path])["path"],
            "/x",
            "{item}"
        );
    }
}

#[test]
fn modes_and_devices_are_shown_as_printed() {
    let event = event(&[
        &call(133, "items=2"),
        "CWD cwd=\"/\"",
        "PATH item=0 name=\"/\" inode=1 dev=fd:00 mode=040755 nametype=PARENT",
        "PATH item=1 name=\"/p\" inode=18446744073709551 dev=fd:00 mode=010600 ouid=5 ogid=6 rdev=00:00 nametype=CREATE cap_fe=? cap_fver=?",
    ]);
    assert_eq!(
        (&event["mode"], &event["dev"]),
        (&json!("010600"), &json!("fd:00"))
    );
    assert_eq!(event["inode"], "18446744073709551");
    assert_eq!((&event["ouid"], &event["ogid"]), (&json!(5), &json!(6)));
}

#[test]
fn the_target_of_a_symbolic_link_is_not_resolved() {
    let event = event(&[
        &call(88, "items=3"),
        "CWD cwd=\"/w\"",
        "PATH item=0 name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
        "PATH item=1 name=\"../target\" nametype=UNKNOWN",
        "PATH item=2 name=\"link\" inode=2 dev=fe:00 mode=0120777 nametype=CREATE",
    ]);
    assert_eq!(
        (&event["path"], &event["dest_path"]),
        (&json!("../target"), &json!("/w/link"))
    );
}

#[test]
fn the_file_of_a_descriptor_that_only_selinux_names_is_the_path() {
    let label = "user_u:user_r:user_t:s0";
    let with_label =
        |call: String| call.replace(" key=(null)", &format!(" subj={label} key=(null)"));
    let avc = |what: &str| format!("AVC avc:  denied  {{ write }} for  pid=2 {what} tclass=file");
    let named = avc(&format!(
        "path=\"/run/box.pid\" dev=\"vda1\" ino=7 scontext={label}"
    ));
    let write = with_label(call(1, "a0=5 a1=1 a2=4 a3=0 items=0"));
    let new = event(&[&named, &write, "PROCTITLE proctitle=\"x\""]);
    let old = event(&[
        &avc(&format!("name=\"box.pid\" dev=vda1 ino=7 scontext={label}")),
        &write,
        "AVC_PATH  path=\"/run/box.pid\"",
    ]);
    for event in [new, old] {
        assert_eq!(event["path"], "/run/box.pid");
        assert!(event.get("path_unresolved").is_none());
    }
    // A call on two descriptors, and a decision about another process.
    let copy = with_label(call(326, "a0=5 a1=0 a2=6 a3=0 items=0"));
    let of_another = avc("path=\"/upper/box.pid\" scontext=system_u:system_r:kernel_t:s0");
    for records in [[&named, &copy], [&of_another, &write]] {
        let event = event(&records.map(String::as_str));
        assert_eq!(
            (event.get("path"), &event["path_unresolved"]),
            (None, &json!(true))
        );
    }
}

#[test]
fn the_source_of_a_hard_link_is_the_existing_file() {
    for old_item in [0, 1] {
        let old = format!("PATH item={old_item} name=\"old\" inode=3 dev=fe:00 nametype=NORMAL");
        let parent = format!(
            "PATH item={} name=\"/w\" inode=1 dev=fe:00 nametype=PARENT",
            1 - old_item
        );
        let new = "PATH item=2 name=\"new\" inode=3 dev=fe:00 nametype=CREATE";
        let event = event(&[&call(86, "items=3"), "CWD cwd=\"/w\"", &old, &parent, new]);
        assert_eq!(
            (&event["path"], &event["dest_path"]),
            (&json!("/w/old"), &json!("/w/new"))
        );
    }
}

#[test]
fn a_mount_on_linux_3_10_names_its_target_twice() {
    let target = [
        "PATH item=0 name=\"/mnt/x\" objtype=UNKNOWN",
        "PATH item=1 name=\"/mnt/x\" inode=7 dev=00:13 mode=040700 ouid=0 ogid=0 rdev=00:00 \
         objtype=NORMAL",
    ];
    let mount = |items| call(165, &format!("a0=1 a1=2 a2=3 a3=6 items={items}"));
    let event = |records: &[&str]| super::event(records);
    let without = event(&[&mount(2), "CWD cwd=\"/\"", target[0], target[1], "EOE"]);
    assert_eq!(
        (without.get("path"), &without["dest_path"]),
        (None, &json!("/mnt/x"))
    );
    assert_eq!(without["inode"], json!("7"));
    let device = "PATH item=2 name=\"/dev/sdc1\" inode=9 dev=00:05 mode=060660 ouid=0 ogid=6 \
                  rdev=08:21 objtype=NORMAL";
    let with = event(&[
        &mount(3),
        "CWD cwd=\"/\"",
        target[0],
        target[1],
        device,
        "EOE",
    ]);
    assert_eq!(
        (&with["path"], &with["dest_path"]),
        (&json!("/dev/sdc1"), &json!("/mnt/x"))
    );
}
