//! Values as the schemas ask for them.

use std::net::IpAddr;

use crate::model::{Identity, Who};

/// The id, if it is set.
pub(super) fn set(id: u32) -> Option<u32> {
    (id != Identity::UNSET).then_some(id)
}

/// The name of the user or group whose id has this key in the default format.
pub(super) fn name_of<'a>(who: &Who<'a>, key: &[u8]) -> Option<&'a [u8]> {
    let pair = who.names.iter().find(|(known, _)| *known == key);
    pair.map(|(_, name)| *name)
}

/// The last part of a path.
pub(super) fn last_part(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

pub(super) fn is_ip(text: &[u8]) -> bool {
    str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}
