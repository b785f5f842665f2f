//! Free loopback ports, and the question whether a server answers on one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use rand::Rng;

/// Below the range from which Linux takes the ports of outgoing connections, so that none of those gets in between the
/// choice of a port and the server's bind, nor into the pause of a restart.
const RANGE: std::ops::Range<u16> = 10_240..32_000;

/// A loopback port that nobody listens on at this moment.
pub(super) fn free() -> std::io::Result<SocketAddr> {
    let mut last = std::io::ErrorKind::AddrInUse.into();
    for _ in 0..100 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::rng().random_range(RANGE)));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// True when something on `address` answers the opening of a stream in `namespace`. A listening socket alone says
/// little: Prosody opens its ports before it handles connections and signals.
pub(super) fn speaks_xmpp(address: SocketAddr, namespace: &str, to: &str) -> bool {
    let opening = format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams' \
         to='{to}' version='1.0'>"
    );
    let timeout = Duration::from_secs(2);
    let answer = || -> std::io::Result<usize> {
        let mut stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all(opening.as_bytes())?;
        let read = stream.read(&mut [0; 64])?;
        // Without a proper end the server logs a warning for every probe.
        stream.write_all(b"</stream:stream>")?;
        Ok(read)
    };
    answer().is_ok_and(|read| read > 0)
}
