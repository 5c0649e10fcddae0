//! The options of known programs that take secrets, and do not say so by their names.
//!
//! The source of each entry is the manual page in its comment, or the help text of the program.
//! Options that say it by their names, such as `--password`, are those of [`names`](super::names).

use super::rules::{Operand, Opt, Part, Program};

/// An option whose value, attached or in the next word, is secret.
const fn whole(name: &'static str) -> Opt {
    Opt {
        name: name.as_bytes(),
        skip: 0,
        part: Part::Whole,
        attached: false,
    }
}

/// An option whose value is secret behind a separator, as in `user:password`.
const fn after(name: &'static str, separator: u8) -> Opt {
    Opt {
        part: Part::After(separator),
        ..whole(name)
    }
}

/// An option whose value is secret if it starts with `pass:`.
const fn pass(name: &'static str) -> Opt {
    Opt {
        part: Part::Behind(b"pass:"),
        ..whole(name)
    }
}

/// An option whose value is secret only if it is attached; otherwise it has none.
const fn attached(name: &'static str) -> Opt {
    Opt {
        attached: true,
        ..whole(name)
    }
}

/// An option that is a switch, although its name says otherwise.
const fn switch(name: &'static str) -> Opt {
    Opt {
        part: Part::Nothing,
        ..whole(name)
    }
}

/// A word that another one follows before the secret does.
const fn second(name: &'static str) -> Opt {
    Opt {
        skip: 1,
        ..whole(name)
    }
}

type Names = &'static [&'static str];

const fn program(names: Names, letters: &'static str, options: &'static [Opt]) -> Program {
    Program {
        names,
        letters: letters.as_bytes(),
        options,
        operand: None,
    }
}

/// A program of which the operand with this number is secret.
const fn operand(names: Names, letters: &'static str, number: usize, part: Part) -> Program {
    let operand = Some(Operand {
        number,
        part,
        fewer: None,
    });
    Program {
        operand,
        ..program(names, letters, &[])
    }
}

/// The programs. `letters` are the short options that surely take a value: in `curl -su name`, `-s`
/// is a switch, and `name` belongs to `-u`. One that is missing here can only redact too much.
#[rustfmt::skip] // A table.
pub(super) const PROGRAMS: &[Program] = &[
    // mysql(1), mariadb(1): a value of --password must be attached; without one, it asks.
    program(
        &["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlshow", "mysqlcheck", "mysqlslap",
          "mysqlbinlog", "mysqlpump", "mysqlsh", "mariadb", "mariadb-dump", "mariadb-admin",
          "mariadb-import", "mariadb-show", "mariadb-check", "mariadb-binlog", "mariadb-backup",
          "mariabackup", "xtrabackup", "mydumper", "myloader"],
        "DPShu",
        &[attached("-p"), attached("--password"), attached("--password1"), attached("--password2"),
          attached("--password3"), whole("password")],
    ),
    // psql(1), pg_dump(1): --password makes them ask.
    program(&["psql", "pg_dump", "pg_dumpall", "pg_restore", "pg_basebackup", "createdb", "dropdb",
              "createuser", "dropuser", "vacuumdb", "reindexdb"],
            "", &[switch("--password")]),
    // sshpass(1)
    program(&["sshpass"], "dfPp", &[whole("-p")]),
    // openssl-passphrase-options(1), openssl-enc(1), openssl-s_client(1)
    program(&["openssl"], "", &[
        pass("-passin"), pass("-passout"), pass("-pass"), pass("-password"), pass("-passwd"),
        pass("-srppass"), whole("-k"), whole("-K"), whole("-psk"), whole("-hmac"),
    ]),
    // curl(1)
    program(&["curl"], "AbcCdDeEFHKmoPQrtTuUwxXyYz", &[
        after("-u", b':'), after("--user", b':'), after("-U", b':'), after("--proxy-user", b':'),
        after("-E", b':'), after("--cert", b':'), after("--proxy-cert", b':'), whole("-b"),
        whole("--cookie"), whole("--oauth2-bearer"), whole("--tlspassword"),
    ]),
    // http(1), of HTTPie
    program(&["http", "https", "xh", "xhs"], "aAos", &[after("-a", b':'), after("--auth", b':')]),
    // redis-cli(1)
    program(&["redis-cli", "valkey-cli", "keydb-cli"], "", &[
        whole("-a"), whole("requirepass"), whole("masterauth"),
    ]),
    // mongodump(1), mongosh --help
    program(&["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport",
              "mongostat", "mongotop"],
            "cdhqup", &[whole("-p")]),
    // ldapsearch(1), ldappasswd(1)
    program(&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapmodrdn", "ldapwhoami",
              "ldapcompare", "ldapexop"],
            "abDdeEfFHhloOpPRsSTUwXYyz", &[whole("-w")]),
    program(&["ldappasswd"], "aDdeHhoOpPRsTUwXYy", &[whole("-w"), whole("-s"), whole("-a")]),
    // smbclient(1), net(8), rpcclient(1): user%password
    program(&["smbclient", "smbget", "smbcacls", "smbcquotas", "net", "rpcclient", "samba-tool",
              "wbinfo"],
            "AbcDdIiLMmnOpRsStTUW", &[after("-U", b'%'), after("--user", b'%'), after("--authenticate", b'%')]),
    // docker-login(1), podman-login(1), az login --help
    program(&["login"], "pu", &[whole("-p")]),
    // useradd(8), usermod(8), groupmod(8): the hash of a password
    program(&["useradd", "usermod", "groupadd", "groupmod"], "bcdefgGkKpPRsuvVwWZ",
            &[whole("-p")]),
    // zip(1), unzip(1), 7z(1), rar(1)
    program(&["zip", "unzip", "zipcloak"], "bntOP", &[whole("-P")]),
    program(&["7z", "7za", "7zr", "7zz", "rar", "unrar"], "", &[attached("-p"), attached("-hp")]),
    // pdftotext(1), pdftk(1)
    program(&["pdftotext", "pdfinfo", "pdftoppm", "pdfimages"], "", &[whole("-upw"), whole("-opw")]),
    program(&["pdftk"], "", &[whole("user_pw"), whole("owner_pw"), whole("input_pw")]),
    // ipmitool(1)
    program(&["ipmitool"], "AbBCdDefgHIklLmNoOpPRStTUyz", &[whole("-P"), whole("-k"), whole("-y")]),
    // snmpcmd(1)
    program(&["snmpwalk", "snmpget", "snmpgetnext", "snmpset", "snmpbulkwalk", "snmpbulkget",
              "snmptable", "snmpstatus", "snmptrap", "snmpinform"],
            "aAcCDeElLmMnOPrtuvxXZ", &[whole("-c"), whole("-A"), whole("-X"), whole("-3m"), whole("-3M"), whole("-3k"),
                  whole("-3K")]),
    // xfreerdp(1), rdesktop(1)
    program(&["xfreerdp", "xfreerdp3", "wlfreerdp", "sdl-freerdp"], "",
            &[whole("/p:"), whole("/gp:")]),
    program(&["rdesktop"], "acdgknoprsTuVx", &[whole("-p")]),
    // nmcli(1), nm-settings-nmcli(5), iwconfig(8), wpa_passphrase(8)
    program(&["nmcli"], "", &[
        whole("password"), whole("psk"), whole("wifi-sec.psk"), whole("wifi-sec.wep-key0"),
        whole("802-11-wireless-security.psk"), whole("802-11-wireless-security.wep-key0"),
        whole("802-1x.password"), whole("gsm.password"), whole("pppoe.password"),
    ]),
    program(&["iwconfig"], "", &[whole("key"), whole("enc")]),
    operand(&["wpa_passphrase"], "", 2, Part::Whole),
    // vault login --help
    program(&["vault", "bao"], "", &[whole("login")]),
    // aws configure set help, aws secretsmanager help
    program(&["aws"], "", &[
        whole("aws_secret_access_key"), whole("aws_session_token"), whole("--secret-string"),
    ]),
    // az login --help
    program(&["az"], "pu", &[whole("-p")]),
    // kubectl create secret generic --help
    program(&["kubectl", "oc"], "", &[after("--from-literal", b'=')]),
    // lftp(1), ncftp(1)
    program(&["lftp"], "cefpu", &[after("-u", b','), after("--user", b',')]),
    program(&["ncftp", "ncftpget", "ncftpput", "ncftpls"], "uPpjJ", &[whole("-p"), whole("-J")]),
    // SQL*Plus: user/password@database; its tools take the same.
    operand(&["sqlplus", "sqlldr", "exp", "imp", "expdp", "impdp"], "CMR", 1, Part::After(b'/')),
    // sqlcmd, bcp, tsql(1), cqlsh --help
    program(&["sqlcmd", "bcp", "osql", "tsql", "fisql"], "aAcdDeFfGhHiIKlLmMoPpQqrRsStTuUvVwWxXyYzZ",
            &[whole("-P")]),
    program(&["cqlsh", "beeline"], "defknpu", &[whole("-p")]),
    // influx --help, etcdctl --help
    program(&["influx", "etcdctl"], "", &[after("--user", b':')]),
    // mosquitto_pub(1)
    program(&["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"], "", &[whole("-P")]),
    // rabbitmqctl(8), rabbitmqadmin --help
    program(&["rabbitmqctl"], "", &[
        second("add_user"), second("change_password"), second("authenticate_user"),
    ]),
    program(&["rabbitmqadmin"], "cfHNPpuV", &[whole("-p")]),
    // keytool(1), apksigner --help
    program(&["keytool"], "", &[whole("-new")]),
    program(&["apksigner"], "", &[pass("--ks-pass"), pass("--key-pass")]),
    // ssh-keygen(1): passphrases
    program(&["ssh-keygen"], "abCDEFfIJjKMmNnOPRrsTtVwWYZz", &[whole("-N"), whole("-P")]),
    // kadmin(1)
    program(&["kadmin", "kadmin.local"], "cdepqrstwx", &[whole("-w"), whole("-pw")]),
    // htpasswd(1): with -b the password is the last operand; -n leaves out the file
    Program {
        operand: Some(Operand { number: 3, part: Part::Whole, fewer: Some(b'n') }),
        ..program(&["htpasswd"], "C", &[])
    },
    // mkpasswd(1), of whois
    operand(&["mkpasswd"], "mRSP", 1, Part::Whole),
    // rclone obscure, ansible-vault(1)
    program(&["rclone"], "", &[whole("obscure")]),
    program(&["ansible-vault"], "", &[whole("encrypt_string")]),
];
