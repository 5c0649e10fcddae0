//! Socket addresses, from the field `saddr=` of SOCKADDR records.
//!
//! The field is the `struct sockaddr` that a call passed or returned, in hex, as many bytes of it
//! as the call said (kernel/auditsc.c, `audit_log_exit`). Ports and addresses of inet and inet6 are
//! in network byte order; the family and all other numbers are in that of the host.

use std::{
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use bumpalo::{Bump, collections::Vec};

use crate::{bytes::unhex, model::Arena, parse::enriched};

/// A socket address.
///
/// A part that the bytes do not have, or that the family has not, is `None`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sockaddr<'a> {
    /// The address family (`AF_*`).
    pub family: u16,
    /// The address as text. For inet6, an address that is mapped from IPv4 is the IPv4 address. For
    /// vsock, the context id (vsock(7)); for packet, the hardware address.
    pub address: Option<&'a [u8]>,
    /// The port. For netlink, the port id, which is often a process id (netlink(7)).
    pub port: Option<u32>,
    /// The interface that a link-local inet6 address belongs to, by index.
    pub scope: Option<u32>,
    /// The name of a unix socket: a path, or `@` and an abstract name, whose inner NULs are written
    /// as `@` too, as in `/proc/net/unix`. `None` for a socket without a name.
    pub socket: Option<&'a [u8]>,
    /// Other numbers and names of the family, by name: `groups` of netlink, `protocol` and
    /// `interface` of packet, `interface` of can, `type` and `name` of alg, `interface` and `queue`
    /// of xdp.
    pub others: &'a [(&'a [u8], &'a [u8])],
    /// The bytes after the family, where the family is not decoded.
    pub data: Option<&'a [u8]>,
    /// Whether the bytes end before the address does.
    pub truncated: bool,
}

const AF_UNSPEC: u16 = 0;
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const AF_NETLINK: u16 = 16;
const AF_PACKET: u16 = 17;
const AF_CAN: u16 = 29;
const AF_ALG: u16 = 38;
const AF_VSOCK: u16 = 40;
const AF_XDP: u16 = 44;

/// The bit of `AUDIT_ARCH_*` for little-endian architectures (include/uapi/linux/audit.h).
const LITTLE_ENDIAN: u32 = 0x4000_0000;

/// The names of the families, by number (include/linux/socket.h), without `AF_`.
const FAMILIES: [&str; 46] = [
    "unspec",
    "unix",
    "inet",
    "ax25",
    "ipx",
    "appletalk",
    "netrom",
    "bridge",
    "atmpvc",
    "x25",
    "inet6",
    "rose",
    "decnet",
    "netbeui",
    "security",
    "key",
    "netlink",
    "packet",
    "ash",
    "econet",
    "atmsvc",
    "rds",
    "sna",
    "irda",
    "pppox",
    "wanpipe",
    "llc",
    "ib",
    "mpls",
    "can",
    "tipc",
    "bluetooth",
    "iucv",
    "rxrpc",
    "isdn",
    "phonet",
    "ieee802154",
    "caif",
    "alg",
    "nfc",
    "vsock",
    "kcm",
    "qipcrtr",
    "smc",
    "xdp",
    "mctp",
];

/// The name of an address family: `inet` for 2. `None` if the number has no name.
pub(crate) fn family_name(family: u16) -> Option<&'static str> {
    FAMILIES.get(usize::from(family)).copied()
}

impl<'a> Sockaddr<'a> {
    /// Decodes the value of `saddr=`, in the byte order in which its family is a known one. `None`
    /// if it is not hex or too short for a family.
    ///
    /// ```
    /// use auditrd::{Arena, parse::Sockaddr};
    ///
    /// let arena = Arena::new();
    /// let address = Sockaddr::parse(b"02000035C00002160000000000000000", &arena).unwrap();
    /// assert_eq!(address.family_name(), Some("inet"));
    /// assert_eq!((address.address, address.port), (Some(&b"192.0.2.22"[..]), Some(53)));
    /// ```
    pub fn parse(hex: &[u8], arena: &'a Arena) -> Option<Sockaddr<'a>> {
        Sockaddr::parse_on(None, hex, arena.bump())
    }

    /// As [`parse`](Self::parse), with `AUDIT_ARCH_*` of the call, which tells its byte order.
    ///
    /// It matters only for a number that is no family: a program may pass 512, whose bytes are
    /// those of `AF_INET` on a host of the other order.
    pub(crate) fn parse_on(arch: Option<u32>, hex: &[u8], arena: &'a Bump) -> Option<Sockaddr<'a>> {
        let hex = enriched::bare(hex);
        // A record that was cut may end in half a byte.
        let whole = hex.get(..hex.len() & !1)?;
        let bytes = unhex(whole, arena)?;
        let (family, rest) = bytes.split_first_chunk()?;
        let big_endian = match arch {
            Some(arch) => arch & LITTLE_ENDIAN == 0,
            None => matches!(*family, [0, second] if second != 0),
        };
        let reader = Reader { rest, big_endian };
        let address = Sockaddr {
            family: match big_endian {
                true => u16::from_be_bytes(*family),
                false => u16::from_le_bytes(*family),
            },
            truncated: whole.len() < hex.len(),
            ..Sockaddr::default()
        };
        Some(address.read(reader, arena))
    }

    /// The name of the family, such as `inet`; `None` if the number has no name.
    pub fn family_name(&self) -> Option<&'static str> {
        family_name(self.family)
    }

    fn read(mut self, mut from: Reader<'a>, arena: &'a Bump) -> Sockaddr<'a> {
        let is_whole = match self.family {
            // connect(2) with it dissolves an association; the rest means nothing.
            AF_UNSPEC => Some(()),
            AF_UNIX => {
                self.socket = unix_name(from.rest, arena);
                Some(())
            }
            AF_INET => self.inet(&mut from, arena),
            AF_INET6 => self.inet6(&mut from, arena),
            AF_NETLINK => self.netlink(&mut from, arena),
            AF_PACKET => self.packet(&mut from, arena),
            AF_CAN => self.can(&mut from, arena),
            AF_ALG => self.alg(&mut from, arena),
            AF_VSOCK => self.vsock(&mut from, arena),
            AF_XDP => self.xdp(&mut from, arena),
            _ => {
                self.data = (!from.rest.is_empty()).then_some(from.rest);
                Some(())
            }
        };
        self.truncated |= is_whole.is_none();
        self
    }

    /// `struct sockaddr_in` (linux/in.h).
    fn inet(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        self.port = Some(from.port()?);
        let ip = Ipv4Addr::from(*from.take::<4>()?);
        self.address = Some(text(IpAddr::V4(ip), arena));
        Some(())
    }

    /// `struct sockaddr_in6` (linux/in6.h). The scope may be missing, as in RFC 2133.
    fn inet6(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        self.port = Some(from.port()?);
        let _flow = from.take::<4>()?;
        let ip = Ipv6Addr::from(*from.take::<16>()?);
        self.address = Some(text(ip.to_canonical(), arena));
        self.scope = from.number().filter(|scope| *scope != 0);
        Some(())
    }

    /// `struct sockaddr_nl` (linux/netlink.h).
    fn netlink(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        let _padding = from.take::<2>()?;
        self.port = Some(from.number()?);
        let groups = text(format_args!("{:#x}", from.number()?), arena);
        self.others = arena.alloc([(&b"groups"[..], groups)]);
        Some(())
    }

    /// `struct sockaddr_ll` (linux/if_packet.h).
    fn packet(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        let protocol = text(format_args!("{:#06x}", from.port()?), arena);
        let interface = text(from.number()?, arena);
        self.others = arena.alloc([(&b"protocol"[..], protocol), (b"interface", interface)]);
        let [_, _, _type, length] = *from.take::<4>()?;
        let address = from.rest.get(..usize::from(length.min(8)))?;
        if !address.is_empty() {
            self.address = Some(hardware_address(address, arena));
        }
        Some(())
    }

    /// `struct sockaddr_can` (linux/can.h).
    fn can(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        let _padding = from.take::<2>()?;
        let interface = text(from.number()?, arena);
        self.others = arena.alloc([(&b"interface"[..], interface)]);
        Some(())
    }

    /// `struct sockaddr_alg` (linux/if_alg.h): the kind of a cipher, and its name.
    fn alg(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        let kind = until_nul(from.take::<14>()?);
        let _features_and_mask = from.take::<8>()?;
        let name = until_nul(from.rest);
        self.others = arena.alloc([(&b"type"[..], kind), (b"name", name)]);
        Some(())
    }

    /// `struct sockaddr_vm` (linux/vm_sockets.h).
    fn vsock(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        let _reserved = from.take::<2>()?;
        self.port = Some(from.number()?);
        self.address = Some(text(from.number()?, arena));
        Some(())
    }

    /// `struct sockaddr_xdp` (linux/if_xdp.h).
    fn xdp(&mut self, from: &mut Reader<'a>, arena: &'a Bump) -> Option<()> {
        let _flags = from.take::<2>()?;
        let interface = text(from.number()?, arena);
        let queue = text(from.number()?, arena);
        self.others = arena.alloc([(&b"interface"[..], interface), (b"queue", queue)]);
        Some(())
    }
}

/// The bytes of an address that are not read yet.
struct Reader<'a> {
    rest: &'a [u8],
    big_endian: bool,
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(bytes)
    }

    /// A port, or another number of 16 bits in network byte order.
    fn port(&mut self) -> Option<u32> {
        self.take().map(|bytes| u16::from_be_bytes(*bytes).into())
    }

    /// A number of 32 bits in the byte order of the host.
    fn number(&mut self) -> Option<u32> {
        let bytes = *self.take()?;
        Some(match self.big_endian {
            true => u32::from_be_bytes(bytes),
            false => u32::from_le_bytes(bytes),
        })
    }
}

/// The name of a unix socket, from the bytes after the family (unix(7)).
///
/// A path ends at the first NUL. An abstract name starts with a NUL; its length is that of the
/// address, but programs pad it with NULs, which are left out here.
pub(super) fn unix_name<'a>(bytes: &'a [u8], arena: &'a Bump) -> Option<&'a [u8]> {
    let end = bytes.iter().rposition(|byte| *byte != 0)?;
    let name = &bytes[..=end];
    Some(match name {
        [0, ..] => {
            let visible = name
                .iter()
                .map(|byte| if *byte == 0 { b'@' } else { *byte });
            Vec::from_iter_in(visible, arena).into_bump_slice()
        }
        path => until_nul(path),
    })
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// `02:00:5e:10:00:01`.
fn hardware_address<'a>(bytes: &[u8], arena: &'a Bump) -> &'a [u8] {
    let mut line = bumpalo::collections::String::new_in(arena);
    for (place, byte) in bytes.iter().enumerate() {
        let separator = if place == 0 { "" } else { ":" };
        // Writing to memory does not fail.
        let _ = write!(line, "{separator}{byte:02x}");
    }
    line.into_bump_str().as_bytes()
}

fn text(value: impl fmt::Display, arena: &Bump) -> &[u8] {
    bumpalo::format!(in arena, "{}", value)
        .into_bump_str()
        .as_bytes()
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

    use proptest::prelude::*;

    use super::*;

    /// Bytes as `saddr=` has them.
    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02X}")).collect()
    }

    /// The bytes of the struct that the kernel takes for this address, on a host of either order.
    fn bytes_of(address: SocketAddr, big_endian: bool) -> std::vec::Vec<u8> {
        let host16 = |number: u16| match big_endian {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        };
        let host32 = |number: u32| match big_endian {
            true => number.to_be_bytes(),
            false => number.to_le_bytes(),
        };
        match address {
            SocketAddr::V4(v4) => [
                &host16(libc::AF_INET as u16)[..],
                &v4.port().to_be_bytes(),
                &v4.ip().octets(),
                &[0; 8],
            ]
            .concat(),
            SocketAddr::V6(v6) => [
                &host16(libc::AF_INET6 as u16)[..],
                &v6.port().to_be_bytes(),
                &v6.flowinfo().to_be_bytes(),
                &v6.ip().octets(),
                &host32(v6.scope_id()),
            ]
            .concat(),
        }
    }

    fn any_address() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddrV4::new(
                ip.into(),
                port
            )
            .into()),
            (any::<[u8; 16]>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
                |(ip, port, flow, scope)| SocketAddrV6::new(ip.into(), port, flow, scope).into()
            ),
        ]
    }

    proptest! {
        #[test]
        fn an_internet_address_is_what_std_made_it_from(
            address in any_address(),
            big_endian: bool,
            is_arch_known: bool,
        ) {
            let arena = Bump::new();
            let arch = is_arch_known.then_some(if big_endian { 0x8000_0016 } else { 0xc000_003e });
            let hex = hex(&bytes_of(address, big_endian));
            let got = Sockaddr::parse_on(arch, hex.as_bytes(), &arena).unwrap();
            let ip = address.ip().to_canonical().to_string();
            prop_assert_eq!(got.address, Some(ip.as_bytes()));
            prop_assert_eq!(got.port, Some(address.port().into()));
            let scope = match address {
                SocketAddr::V4(_) => 0,
                SocketAddr::V6(v6) => v6.scope_id(),
            };
            prop_assert_eq!(got.scope, Some(scope).filter(|scope| *scope != 0));
            let family = if address.is_ipv4() { "inet" } else { "inet6" };
            prop_assert_eq!(got.family_name(), Some(family));
            prop_assert!(!got.truncated);
        }

        #[test]
        fn a_cut_address_has_no_part_that_is_cut(address in any_address(), length in 0usize..30) {
            let arena = Bump::new();
            let whole = bytes_of(address, false);
            let cut = &whole[..length.min(whole.len())];
            let got = Sockaddr::parse_on(None, hex(cut).as_bytes(), &arena);
            prop_assert_eq!(got.is_some(), cut.len() >= 2);
            let Some(got) = got else { return Ok(()) };
            let end = if address.is_ipv4() { 8 } else { 24 };
            prop_assert_eq!(got.truncated, cut.len() < end);
            prop_assert_eq!(got.port.is_some(), cut.len() >= 4);
            prop_assert_eq!(got.address.is_some(), cut.len() >= end);
        }

        #[test]
        fn any_bytes_are_read_without_an_end(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let arena = Bump::new();
            for arch in [None, Some(0xc000_003e), Some(0x8000_0016)] {
                let _ = Sockaddr::parse_on(arch, &text, &arena);
                let got = Sockaddr::parse_on(arch, hex(&text).as_bytes(), &arena);
                prop_assert_eq!(got.is_some(), text.len() >= 2);
            }
        }
    }

    #[track_caller]
    fn unix(bytes: &[u8], expected: Option<&str>) {
        let arena = Bump::new();
        let hex = hex(&[&[1, 0], bytes].concat());
        let got = Sockaddr::parse_on(None, hex.as_bytes(), &arena).unwrap();
        assert_eq!(got.family_name(), Some("unix"));
        assert_eq!(got.socket, expected.map(str::as_bytes));
        assert!(!got.truncated);
    }

    #[test]
    fn a_unix_socket_has_its_path_or_abstract_name_without_padding() {
        let padded = |name: &[u8]| [name, &[0; 108]].concat()[..108].to_vec();
        unix(b"/run/a.sock\0", Some("/run/a.sock"));
        unix(b"/run/a.sock", Some("/run/a.sock"));
        unix(&padded(b"/run/a.sock"), Some("/run/a.sock"));
        // What a program left in its buffer.
        unix(b"/run/a.sock\0old", Some("/run/a.sock"));
        unix(b"\0bus", Some("@bus"));
        unix(b"\0bus\0b", Some("@bus@b"));
        unix(&padded(b"\0bus"), Some("@bus"));
        unix(b"", None);
        unix(&padded(b""), None);
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: &Sockaddr) {
        let arena = Bump::new();
        let got = Sockaddr::parse_on(None, hex(bytes).as_bytes(), &arena).unwrap();
        assert_eq!(got, *expected);
    }

    #[test]
    fn other_families_have_their_own_numbers() {
        check(
            &[16, 0, 0, 0, 0xd2, 4, 0, 0, 0x11, 0, 0, 0x80],
            &Sockaddr {
                family: AF_NETLINK,
                port: Some(1234),
                others: &[(b"groups", b"0x80000011")],
                ..Sockaddr::default()
            },
        );
        check(
            &[0, 16, 0, 0, 0, 0, 4, 0xd2, 0, 0, 0, 1],
            &Sockaddr {
                family: AF_NETLINK,
                port: Some(1234),
                others: &[(b"groups", b"0x1")],
                ..Sockaddr::default()
            },
        );
        check(
            &[
                17, 0, 8, 0, 3, 0, 0, 0, 1, 0, 0, 6, 2, 0, 0x5e, 0x10, 0, 1, 0, 0,
            ],
            &Sockaddr {
                family: AF_PACKET,
                address: Some(b"02:00:5e:10:00:01"),
                others: &[(b"protocol", b"0x0800"), (b"interface", b"3")],
                ..Sockaddr::default()
            },
        );
        check(
            &[40, 0, 0, 0, 0, 4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0],
            &Sockaddr {
                family: AF_VSOCK,
                address: Some(b"2"),
                port: Some(1024),
                ..Sockaddr::default()
            },
        );
        let cipher = [
            &[38, 0][..],
            b"skcipher\0\0\0\0\0\0",
            &[0; 8],
            b"cbc(aes)",
            &[0; 56],
        ];
        check(
            &cipher.concat(),
            &Sockaddr {
                family: AF_ALG,
                others: &[(b"type", b"skcipher"), (b"name", b"cbc(aes)")],
                ..Sockaddr::default()
            },
        );
        check(
            &[31, 0, 1, 2, 3],
            &Sockaddr {
                family: 31,
                data: Some(&[1, 2, 3]),
                ..Sockaddr::default()
            },
        );
        check(&[0, 0, 1, 2], &Sockaddr::default());
        check(
            &[16, 0, 0, 0, 1],
            &Sockaddr {
                family: AF_NETLINK,
                truncated: true,
                ..Sockaddr::default()
            },
        );
    }

    #[test]
    fn families_have_the_numbers_of_the_c_library() {
        for (number, name) in [
            (libc::AF_UNIX, "unix"),
            (libc::AF_INET6, "inet6"),
            (libc::AF_NETLINK, "netlink"),
            (libc::AF_PACKET, "packet"),
            (libc::AF_TIPC, "tipc"),
            (libc::AF_BLUETOOTH, "bluetooth"),
            (libc::AF_ALG, "alg"),
            (libc::AF_VSOCK, "vsock"),
            (libc::AF_XDP, "xdp"),
        ] {
            assert_eq!(family_name(number as u16), Some(name));
        }
        assert_eq!(family_name(46), None);
    }

    #[test]
    fn an_arch_decides_where_the_family_could_be_read_in_two_ways() {
        let arena = Bump::new();
        let hex = b"00020050C0000201";
        let family = |arch| Sockaddr::parse_on(arch, hex, &arena).unwrap().family;
        assert_eq!(family(None), AF_INET);
        assert_eq!(family(Some(0x8000_0016)), AF_INET);
        // A program passed this number, which is no family.
        assert_eq!(family(Some(0xc000_003e)), 512);
    }

    #[test]
    fn appended_names_and_half_a_byte_are_no_part_of_the_address() {
        let arena = Bump::new();
        let parse = |hex: &[u8]| Sockaddr::parse_on(None, hex, &arena);
        let joined = b"02000035C0000216SADDR={ saddr_fam=inet laddr=192.0.2.22 lport=53 }";
        let got = parse(joined).unwrap();
        assert_eq!(
            (got.address, got.port),
            (Some(&b"192.0.2.22"[..]), Some(53))
        );
        let got = parse(b"02000035C0000216000").unwrap();
        assert!(got.truncated && got.address == Some(b"192.0.2.22"));
        for nothing in [&b""[..], b"0", b"02", b"inet", b"(null)"] {
            assert_eq!(parse(nothing), None);
        }
    }
}
