//! Names of options, variables and headers whose values are secret.

/// Words that make a name that of a secret if it ends in them: `PGPASSWORD`, `authtoken`.
const ENDINGS: &[&[u8]] = &[
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"secret",
    b"token",
    b"apikey",
    b"accesskey",
    b"secretkey",
    b"authkey",
    b"accountkey",
    b"sharedaccesskey",
    b"credential",
    b"credentials",
];

/// Names, or their last parts, that are those of secrets only as a whole.
const WORDS: &[&[u8]] = &[b"pass", b"pwd", b"pw", b"psk", b"userpass", b"userpwd"];

/// Words that `pass` ends without a secret.
const NO_PASS: &[&[u8]] = &[
    b"bypass",
    b"compass",
    b"overpass",
    b"trespass",
    b"multipass",
];

/// Parts that make a secret of the `key` behind them: `AWS_SECRET_ACCESS_KEY`, `--api-key`.
const OF_KEYS: &[&[u8]] = &[
    b"access",
    b"account",
    b"api",
    b"auth",
    b"client",
    b"encryption",
    b"license",
    b"master",
    b"secret",
    b"shared",
    b"signing",
];

/// Parts that make a switch of an option: `--ask-password`, `--no-password`.
const OF_SWITCHES: &[&[u8]] = &[
    b"no", b"ask", b"prompt", b"show", b"use", b"force", b"change",
];

/// Parameters of URLs that grant access: the signatures of AWS, Azure and Google.
const PARAMETERS: &[&[u8]] = &[
    b"sig",
    b"signature",
    b"x-amz-signature",
    b"x-goog-signature",
];

/// Headers whose values are secret, besides those whose names say so (RFC 9110, RFC 6265).
const HEADERS: &[&[u8]] = &[
    b"authorization",
    b"proxy-authorization",
    b"cookie",
    b"set-cookie",
];

/// The longest name that is looked at. That of a secret is shorter.
const MAX_NAME_BYTES: usize = 128;

/// Whether a name of an option or a variable is that of a secret. Dashes in front do not matter.
pub(super) fn is_secret(name: &[u8]) -> bool {
    let name = name.trim_ascii_start();
    let dashes = name.iter().take_while(|byte| **byte == b'-').count();
    let name = name.get(dashes..).unwrap_or_default();
    // The working directory, in every environment.
    if name.len() > MAX_NAME_BYTES || matches!(name, b"PWD" | b"OLDPWD") {
        return false;
    }
    let mut lower = [0; MAX_NAME_BYTES];
    let name = lowered(name, &mut lower);
    let mut parts = name.rsplit(|byte| matches!(byte, b'_' | b'-' | b'.'));
    let last = parts.next().unwrap_or_default();
    let ends_secret = ENDINGS.iter().any(|ending| last.ends_with(ending))
        || WORDS.contains(&last)
        || last.ends_with(b"pass") && !NO_PASS.contains(&last)
        || last == b"key" && parts.next().is_some_and(|part| OF_KEYS.contains(&part));
    let first = name.split(|byte| *byte == b'-').next().unwrap_or_default();
    ends_secret && (first.len() == name.len() || !OF_SWITCHES.contains(&first))
}

/// Whether a name is that of a header with a secret.
pub(super) fn is_header(name: &[u8]) -> bool {
    HEADERS
        .iter()
        .any(|header| name.eq_ignore_ascii_case(header))
}

/// Whether a name is that of a parameter of a URL with a secret.
pub(super) fn is_parameter(name: &[u8]) -> bool {
    is_secret(name)
        || PARAMETERS
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other))
}

fn lowered<'a>(name: &[u8], buffer: &'a mut [u8; MAX_NAME_BYTES]) -> &'a [u8] {
    for (to, from) in buffer.iter_mut().zip(name) {
        *to = from.to_ascii_lowercase();
    }
    buffer.get(..name.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "PGPASSWORD",
            "MYSQL_PWD",
            "SSHPASS",
            "--password",
            "--http-password",
            "-storepass",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "--api-key",
            "apiKey",
            "client_secret",
            "spring.datasource.password",
            "Pwd",
            "x-api-key",
            "RESTIC_PASSWORD",
            "--auth-token",
        ] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "--password-file",
            "--no-password",
            "--ask-pass",
            "--max-tokens",
            "AWS_ACCESS_KEY_ID",
            "bypass",
            "key",
            "--keyfile",
            "PATH",
            "",
            "--",
            "password_hash_cost",
        ] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
    }
}
