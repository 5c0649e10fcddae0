//! The values of an event that people search for, wherever they are.

use crate::{
    encode::values::is_ip,
    model::{AuditEvent, Detail},
};

/// One value.
pub(super) struct Observable<'a> {
    /// The path of the attribute.
    pub(super) name: &'static str,
    pub(super) type_id: u32,
    pub(super) value: &'a [u8],
}

const IP_ADDRESS: u32 = 2;
const USER_NAME: u32 = 4;
const COMMAND_LINE: u32 = 13;
const FILE_PATH: u32 = 45;

pub(super) fn observables<'a>(event: &AuditEvent<'a>) -> impl Iterator<Item = Observable<'a>> {
    let ip = |text: Option<&'a [u8]>| text.filter(|text| is_ip(text));
    let seen = match &event.detail {
        Detail::Process(detail) => [
            ("process.file.path", FILE_PATH, event.actor.exe),
            (
                "process.cmd_line",
                COMMAND_LINE,
                detail.argv.and(detail.commandline),
            ),
        ],
        Detail::File(detail) => [
            ("file.path", FILE_PATH, detail.dest_path.or(detail.path)),
            ("actor.process.file.path", FILE_PATH, event.actor.exe),
        ],
        Detail::User(detail) => [
            ("user.name", USER_NAME, detail.acct),
            ("src_endpoint.ip", IP_ADDRESS, ip(detail.addr)),
        ],
        Detail::Socket(detail) => [
            ("src_endpoint.ip", IP_ADDRESS, ip(detail.local_address)),
            ("dst_endpoint.ip", IP_ADDRESS, ip(detail.remote_address)),
        ],
        Detail::Audit(detail) => [
            ("unmapped.path", FILE_PATH, detail.path),
            ("actor.process.file.path", FILE_PATH, event.actor.exe),
        ],
    };
    seen.into_iter().filter_map(|(name, type_id, value)| {
        value.map(|value| Observable {
            name,
            type_id,
            value,
        })
    })
}
