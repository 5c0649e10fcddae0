//! Names that sockets get in the file system.

use super::{last, step};

#[test]
fn a_socket_that_is_bound_to_no_name_is_no_file() {
    for saddr in [
        "SOCKADDR saddr=0100007800",
        "SOCKADDR saddr=02000016000000000000000000000000",
        "SOCKADDR saddr=100000000000000001000000",
    ] {
        let event = last(&[step("bind", "a0=3").record(saddr)]);
        assert_ne!(event["name"], "fim_event", "{event}");
    }
}
