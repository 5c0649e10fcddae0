//! The bytes of a socket address: an internet address is the one that std would make of them, and
//! no part is taken from beyond the end.
#![no_main]

use std::net::{Ipv4Addr, Ipv6Addr};

use auditrd::{Arena, parse::Sockaddr};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    let arena = Arena::new();
    let Some(address) = Sockaddr::parse(hex.as_bytes(), &arena) else {
        assert!(bytes.len() < 2);
        return;
    };
    let ip = match address.family_name() {
        Some("inet") => bytes[2..].get(2..6).map(|ip| {
            let ip: [u8; 4] = ip.try_into().expect("four bytes");
            Ipv4Addr::from(ip).to_string()
        }),
        Some("inet6") => bytes[2..].get(6..22).map(|ip| {
            let ip: [u8; 16] = ip.try_into().expect("sixteen bytes");
            Ipv6Addr::from(ip).to_canonical().to_string()
        }),
        _ => return,
    };
    assert_eq!(address.address, ip.as_deref().map(str::as_bytes));
    assert_eq!(address.truncated, ip.is_none());
    assert!(address.socket.is_none());
});
