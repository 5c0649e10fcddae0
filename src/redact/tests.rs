use super::*;
use crate::{
    bytes::unhex,
    model::{EventId, RecordType, record_type::*},
};

/// A secret as a program takes it, without characters that delimit it somewhere.
const SECRET: &str = "S3cr3tV4lue";

fn redactor() -> Redactor {
    Redactor::new(true, Vec::new(), false)
}

/// The records of an event without secrets.
fn redact(redactor: &mut Redactor, records: &[(RecordType, &[u8])]) -> (bool, Vec<String>) {
    let mut groups = Groups::default();
    let mut builder = groups.begin(EventId::default(), b"");
    for (record_type, data) in records {
        builder.push(*record_type, data);
    }
    let arena = Arena::new();
    let group = redactor.redact(groups.last().unwrap(), &arena);
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let data = group.messages().map(|message| text(message.data));
    (group.redacted, data.collect())
}

fn encoded(text: &[u8]) -> String {
    if text.iter().all(|byte| matches!(byte, 0x21 | 0x23..=0x7e)) {
        return format!("\"{}\"", str::from_utf8(text).unwrap());
    }
    text.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// The arguments in an EXECVE record without secrets.
fn arguments(redactor: &mut Redactor, argv: &[&str]) -> Vec<String> {
    let mut data = format!("argc={}", argv.len());
    for (index, word) in argv.iter().enumerate() {
        data += &format!(" a{index}={}", encoded(word.as_bytes()));
    }
    let (_, records) = redact(redactor, &[(AUDIT_EXECVE, data.as_bytes())]);
    let arena = Arena::new();
    let pairs = crate::parse::tokenize(records[0].as_bytes()).skip(1);
    pairs
        .map(|token| String::from_utf8(token.value.decoded(&arena).to_vec()).unwrap())
        .collect()
}

fn split(line: &str) -> Vec<String> {
    let mut splitter = shell::Splitter::new(line.as_bytes());
    let mut words = Vec::new();
    while let Some(token) = splitter.next() {
        assert_eq!(token, shell::Token::Word, "{line}");
        words.push(String::from_utf8(splitter.word.clone()).unwrap());
    }
    words
}

/// Checks a command line in which `%` stands for each secret, as arguments, as a text for a shell,
/// and as a process title.
#[track_caller]
fn check(line: &str) {
    let (given, expected) = (line.replace('%', SECRET), line.replace('%', "REDACTED"));
    let (given, expected) = (split(&given), split(&expected));
    let words: Vec<&str> = given.iter().map(String::as_str).collect();
    assert_eq!(arguments(&mut redactor(), &words), expected, "{line}");
    let script = line.replace('%', SECRET);
    let got = arguments(&mut redactor(), &["sh", "-c", &script]);
    assert_eq!(got[2], line.replace('%', "REDACTED"), "in a script");
    let title = redactor().title((given.join("\0") + "\0").as_bytes());
    let expected = (expected.join("\0") + "\0").into_bytes();
    let expected = line.contains('%').then_some(expected);
    assert_eq!(title, expected, "{line}");
}

#[test]
fn secrets_are_found_by_program_option_name_and_form() {
    for line in [
        "mysql -u root -p% db",
        "mysql -uroot --password=% db",
        "mysqladmin -u root password %",
        "/usr/bin/mysqldump -Bp% --all-databases",
        "sudo -u app mysql -p% db",
        "env PGPASSWORD=% psql -h db -U app",
        "sshpass -p % ssh root@host uptime",
        "sshpass -vp% ssh root@host",
        "openssl rsa -in key.pem -passin pass:% -out x.pem",
        "openssl enc -aes-256-cbc -k % -in a -out b",
        "curl -u alice:% https://host/x",
        "curl -su alice:% https://host/x",
        "curl --user=alice:% https://host/x",
        "curl -H 'Authorization: Bearer %' https://host/x",
        "curl -H 'X-Api-Key: %' https://host",
        "curl -H 'Private-Token: %' -o x https://host",
        "curl 'https://host/?user=a&access_token=%&x=y'",
        "curl -d '{\"user\": \"a\", \"password\": \"%\", \"x\": 1}' https://host",
        "git clone https://alice:%@host/repo.git",
        "psql postgres://app:%@db:5432/x",
        "psql 'host=db password=% user=app'",
        "redis-cli -a % ping",
        "ldapsearch -xw % -b dc=x",
        "docker login -u alice -p % registry",
        "docker run -e MYSQL_ROOT_PASSWORD=% -p 80:80 mysql",
        "useradd -mp % alice",
        "zip -rP % x.zip dir",
        "7z a -p% x.7z dir",
        "xfreerdp /u:alice /p:% /v:host",
        "nmcli dev wifi connect home password %",
        "wpa_passphrase home %",
        "htpasswd -bc file alice %",
        "htpasswd -nb alice %",
        "htpasswd -nbC 12 alice %",
        "mkpasswd -m sha-512 %",
        "sqlplus app/% @x.sql",
        "aws configure set aws_secret_access_key %",
        "kubectl create secret generic x --from-literal=a=%",
        "rabbitmqctl add_user alice %",
        "keytool -list -storepass % -keystore x",
        "java -Dspring.datasource.password=% -jar x.jar",
        "vault login %",
        "tool --token % --verbose",
        "tool --api-key=% x",
        "mount -t cifs -o username=a,password=% //host/x /mnt",
        "wget --http-password=% https://host",
        "mysql -e \"CREATE USER x IDENTIFIED BY '%'\"",
        "psql -c \"ALTER USER x PASSWORD '%'\"",
        "snmpwalk -v2c -c % host",
        "lftp -u alice,% host",
        "ssh host \"mysql -p% db\"",
        "bash -lc 'export PGPASSWORD=%; psql -h db'",
        "bash -c \"sh -c 'mysql -p% db'\"",
    ] {
        check(line);
    }
    let marked = [
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijkl_mnopq",
        "glpat-abcdefghij0123456789",
        "AKIAIOSFODNN7EXAMPLE",
        "xoxb-123456789012-abcdefghijkl",
        "hvs.CAESIabcdefghijklmnop",
    ];
    for token in marked {
        let got = arguments(&mut redactor(), &["tool", token, &format!("x={token}")]);
        assert_eq!(got, ["tool", "REDACTED", "x=REDACTED"]);
    }
}

#[test]
fn a_percent_sign_separates_the_secret_of_samba() {
    let mut redactor = redactor();
    let got = arguments(&mut redactor, &["smbclient", "-U", "al%S3cr3t", "//h/s"]);
    assert_eq!(got, ["smbclient", "-U", "al%REDACTED", "//h/s"]);
}

#[test]
fn text_without_secrets_stays() {
    for line in [
        "ls -la /etc/passwd",
        "mysql --user=root --password db",
        "psql --no-password -h db",
        "tool --password-file /etc/x --ask-pass -p 80:80",
        "openssl req -new -key x.pem -keyout y.pem -passin env:PASS",
        "curl -u alice https://host:8080/@scope/x",
        "docker run -v secret:/run/secret -p 80:80 --name x nginx",
        "scp token:/a /b",
        "git log --author=a:b https://host/x@y",
        "kubectl get secret x -o yaml",
        "cp -pr a b",
        "sudo -p prompt id",
        "env PWD=/root OLDPWD=/ make",
        "useradd -m alice",
        "ssh-keygen -t ed25519 -f x -C comment",
        "find / -name token -print",
        "htpasswd -c file alice",
        "echo bearer of news",
    ] {
        check(line);
    }
}

#[test]
fn a_pipe_into_a_reader_of_secrets_is_not_shown() {
    for (script, expected) in [
        (
            "echo S3cr3t | passwd --stdin root",
            "echo REDACTED | passwd --stdin root",
        ),
        (
            "echo root:S3 | sudo chpasswd; ls",
            "echo REDACTED | sudo chpasswd; ls",
        ),
        ("echo S3 | sudo -S id", "echo REDACTED | sudo -S id"),
        (
            "printf '%s' S3 | docker login --password-stdin",
            "printf REDACTED REDACTED | docker login --password-stdin",
        ),
        ("echo a | grep b", "echo a | grep b"),
    ] {
        let got = arguments(&mut redactor(), &["sh", "-c", script]);
        assert_eq!(got[2].replace('\'', ""), expected.replace('\'', ""));
    }
}

#[test]
fn an_argument_in_pieces_is_put_together() {
    let first = r#"argc=3 a0="mysql" a1_len=22 a1[0]="--passw""#;
    let (second, third) = (r#" a1[1]=6F72643D5333"#, r#" a1[2]="cr3t" a2="db""#);
    let records = [first, second, third].map(|data| (AUDIT_EXECVE, data.as_bytes()));
    let (is_redacted, records) = redact(&mut redactor(), &records);
    assert!(is_redacted);
    let expected = [
        r#"argc=3 a0="mysql" a1_len=19 a1[0]="--password=REDACTED""#,
        r#" a1[1]="""#,
        r#" a1[2]="" a2="db""#,
    ];
    assert_eq!(records, expected);
}

#[test]
fn arguments_behind_a_lost_one_are_not_shown() {
    let data = br#"argc=4 a0="tool" a2="S3cr3t" a3="x""#;
    let (_, records) = redact(&mut redactor(), &[(AUDIT_EXECVE, data)]);
    assert_eq!(records, [r#"argc=4 a0="tool" a2="REDACTED" a3="REDACTED""#]);
}

#[test]
fn a_cut_value_in_hex_is_read() {
    let hex = encoded(b"mysql\0--password=S3cr3t value");
    for length in hex.len() - 8..hex.len() {
        let data = format!("proctitle={}", &hex[..length]);
        let (_, records) = redact(&mut redactor(), &[(AUDIT_PROCTITLE, data.as_bytes())]);
        let arena = Arena::new();
        let title = unhex(&records[0].as_bytes()["proctitle=".len()..], arena.bump());
        assert_eq!(title.unwrap(), b"mysql\0--password=REDACTED", "{data}");
    }
}

#[test]
fn a_command_in_hex_that_was_cut_within_a_byte_is_read() {
    let hex = encoded(b"mysql -u root -pS3cr3t");
    let expected = encoded(b"mysql -u root -pREDACTED");
    for end in ["", "'", " res=success'"] {
        for digits in hex.len() - 3..hex.len() {
            let data = format!("pid=1 msg='cwd=\"/\" cmd={}{end}", &hex[..digits]);
            let (_, records) = redact(&mut redactor(), &[(AUDIT_USER_CMD, data.as_bytes())]);
            let expected = format!("pid=1 msg='cwd=\"/\" cmd={expected}{end}");
            assert_eq!(records, [expected], "{data}");
        }
    }
}

#[test]
fn a_title_that_is_not_encoded_is_read_as_text() {
    let data = b"proctitle=mysql -pS3cr3t db";
    let (_, records) = redact(&mut redactor(), &[(AUDIT_PROCTITLE, data)]);
    assert_eq!(records, ["proctitle=mysql -pREDACTED"]);
}

#[test]
fn a_url_and_a_token_whose_ends_are_cut_are_secret() {
    let long = "x".repeat(100);
    for (start, expected) in [
        (
            "https://alice:S3cr3tS3cr3tS3cr3tS3cr3t",
            "https://alice:REDACTED",
        ),
        ("ghp_S3cr3t", "REDACTED"),
    ] {
        let title = format!("git\0{long}\0{start}{}", "9".repeat(128));
        let hex = encoded(&title.as_bytes()[..128]);
        let data = format!("proctitle={hex}");
        let (_, records) = redact(&mut redactor(), &[(AUDIT_PROCTITLE, data.as_bytes())]);
        let arena = Arena::new();
        let title = unhex(&records[0].as_bytes()["proctitle=".len()..], arena.bump());
        let title = String::from_utf8(title.unwrap().to_vec()).unwrap();
        assert_eq!(title, format!("git\0{long}\0{expected}"));
    }
}

#[test]
fn the_commands_in_messages_of_programs_are_read() {
    let command = encoded(b"mysql -u root -pS3 cr3t");
    let expected = encoded(b"mysql -u root -pREDACTED");
    for (data, expected) in [
        (
            format!("pid=1 uid=0 msg='cwd=\"/root\" cmd={command} terminal=pts/0 res=success'"),
            format!("pid=1 uid=0 msg='cwd=\"/root\" cmd={expected} terminal=pts/0 res=success'"),
        ),
        (
            "pid=1 msg='mysql --password=S3 cr3t exe=\"/x\" res=success'".to_owned(),
            "pid=1 msg='mysql --password=REDACTED exe=\"/x\" res=success'".to_owned(),
        ),
        (
            "pid=1 msg='avc: cmdline=\"systemctl set-environment TOKEN=S3cr3t\" x=1'".to_owned(),
            "pid=1 msg='avc: cmdline=\"systemctl set-environment TOKEN=REDACTED\" x=1'".to_owned(),
        ),
    ] {
        let (_, records) = redact(&mut redactor(), &[(AUDIT_USER_CMD, data.as_bytes())]);
        assert_eq!(records, [expected]);
    }
    let typed = encoded(b"mysql -pS3cr3t db\rls\r");
    let data = format!("tty pid=1 uid=0 comm=\"bash\" data={typed}");
    let (_, records) = redact(&mut redactor(), &[(AUDIT_TTY, data.as_bytes())]);
    let expected = encoded(b"mysql -pREDACTED db\rls\r");
    assert_eq!(
        records,
        [format!("tty pid=1 uid=0 comm=\"bash\" data={expected}")]
    );
}

#[test]
fn options_of_ones_own_are_those_of_their_program() {
    let own = ["backup:--pin", "backup:-k", "*:PIN"].map(|text| text.parse().unwrap());
    let mut redactor = Redactor::new(false, own.to_vec(), false);
    let got = arguments(
        &mut redactor,
        &["/opt/backup", "--pin", "1", "--pin=2", "-k3", "-k", "4"],
    );
    let expected = [
        "/opt/backup",
        "--pin",
        "REDACTED",
        "--pin=REDACTED",
        "-kREDACTED",
        "-k",
        "REDACTED",
    ];
    assert_eq!(got, expected);
    let got = arguments(
        &mut redactor,
        &["env", "PIN=1", "other", "--pin", "2", "--password=x"],
    );
    assert_eq!(
        got,
        ["env", "PIN=REDACTED", "other", "--pin", "2", "--password=x"]
    );
    for text in ["default:", ":x", "x", "a:-", "a:b c", "a:--b=c"] {
        assert!(text.parse::<ProgramOption>().is_err(), "{text}");
    }
}

/// As one option it would match nothing, and `default` would be off.
#[test]
fn a_list_without_commas_is_no_option() {
    for text in [
        "default:backup:--pin",
        "default backup:--pin",
        "backup:--pin:default",
        "backup:--pin:deploy:PIN",
    ] {
        let error = text.parse::<ProgramOption>().unwrap_err();
        assert!(error.contains("commas"), "{text}: {error}");
    }
    assert!("deploy:PIN:".parse::<ProgramOption>().is_ok());
}

#[test]
fn without_arguments_only_the_name_of_the_program_stays() {
    let mut redactor = Redactor::new(false, Vec::new(), true);
    let records: [(RecordType, &[u8]); 4] = [
        (AUDIT_EXECVE, br#"argc=3 a0="mysql" a1_len=4 a1[0]="S3""#),
        (AUDIT_EXECVE, br#" a1[1]="cr" a2="t""#),
        (AUDIT_PROCTITLE, b"proctitle=6C73002D6C"),
        (AUDIT_USER_CMD, b"pid=1 msg='cmd=6C73202D6C res=success'"),
    ];
    let (is_redacted, records) = redact(&mut redactor, &records);
    let expected = [
        r#"argc=1 a0="mysql""#,
        "",
        r#"proctitle="ls""#,
        r#"pid=1 msg='cmd="ls" res=success'"#,
    ];
    assert_eq!(
        (is_redacted, records),
        (true, expected.map(str::to_owned).to_vec())
    );
    let (is_redacted, _) = redact(&mut redactor, &[(AUDIT_EXECVE, br#"argc=1 a0="id""#)]);
    assert!(!is_redacted);
}
