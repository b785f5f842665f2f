//! How the gateway reaches the c2s listener: TCP, and TLS with the authorities it trusts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use super::SessionError;
use super::certificate::{Telling, of_tls, told};
use super::error::OpenError;
use super::pinned::Pinned;
use crate::clock;
use crate::config::c2s::{C2s, Tls};

/// A connected transport, encrypted or not.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
/// Connections that the server may have to take up at once. More than its listener's backlog holds (5, as ejabberd has it
/// by default) are dropped without a word, and tried again by TCP a second later.
pub(super) const ARRIVALS: usize = 4;

/// Longest look at what a port speaks.
const LOOK: Duration = Duration::from_secs(2);

/// Any transport.
pub(super) type BoxIo = Box<dyn Io>;

/// The c2s listener.
pub(super) struct Endpoint {
    /// `host:port`.
    pub address: String,
    /// When TLS starts.
    pub tls: Tls,
    /// Places of those who wait for the first word of the server.
    pub arrivals: Semaphore,
    /// The addresses from which and to which to connect, where they are not as usual.
    fixed: Option<(Ipv4Addr, SocketAddr)>,
    /// The error is kept until TLS is wanted: a gateway that opens no client stream needs no authority.
    connector: Result<TlsConnector, String>,
}

impl Endpoint {
    /// Reads the trusted authorities: those of the system and those of `ca_file`.
    ///
    /// # Errors
    /// When `ca_file` cannot be read or holds no certificate.
    pub fn new(config: &C2s) -> Result<Endpoint, SessionError> {
        let mut extra = Vec::new();
        if let Some(path) = &config.ca_file {
            let unusable = |e: String| SessionError::Config(format!("c2s.ca_file {}: {e}", path.display()));
            for cert in CertificateDer::pem_file_iter(path).map_err(|e| unusable(e.to_string()))? {
                extra.push(cert.map_err(|e| unusable(e.to_string()))?);
            }
            if extra.is_empty() {
                return Err(unusable("it holds no certificate".into()));
            }
        }
        let connector = match config.tls {
            Tls::None => Err("TLS is switched off (c2s.tls = \"none\")".to_owned()),
            Tls::Starttls | Tls::Direct => connector(extra, config.pinned()),
        };
        let (address, arrivals) = (config.address.clone(), Semaphore::new(ARRIVALS));
        Ok(Endpoint { address, tls: config.tls, arrivals, fixed: None, connector })
    }

    /// The same listener as it is reached from `source`, a loopback address; `None` where that is no way to it.
    pub async fn from(&self, source: Ipv4Addr) -> Option<Endpoint> {
        let found = lookup_host(&self.address).await.ok()?.find(|found| found.is_ipv4() && found.ip().is_loopback())?;
        let (address, arrivals) = (self.address.clone(), Semaphore::new(ARRIVALS));
        let endpoint = Endpoint {
            address,
            tls: self.tls,
            arrivals,
            fixed: Some((source, found)),
            connector: self.connector.clone(),
        };
        endpoint.connect().await.ok().map(|_| endpoint)
    }

    /// Opens the TCP connection. Without TLS it must be to a loopback address, which is seen before a byte is sent.
    pub async fn connect(&self) -> Result<TcpStream, OpenError> {
        let unreachable = |e: std::io::Error| OpenError::Unreachable(format!("c2s {}: {e}", self.address));
        let connecting = async {
            let Some((source, to)) = self.fixed else { return TcpStream::connect(&self.address).await };
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((source, 0)))?;
            socket.connect(to).await
        };
        let tcp = connecting.await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        if !permitted(self.tls, tcp.peer_addr().map_err(unreachable)?.ip()) {
            return Err(OpenError::Refused(format!(
                "c2s.tls = \"none\" is accepted only to a loopback address, and {} is not one",
                self.address
            )));
        }
        Ok(tcp)
    }

    /// Starts TLS. The server must prove to be `domain`, whatever host `address` names.
    pub async fn secure(&self, io: BoxIo, domain: &str) -> Result<BoxIo, OpenError> {
        let refused = |e: String| OpenError::Refused(format!("c2s {}: TLS for {domain}: {e}", self.address));
        let connector = self.connector.as_ref().map_err(|e| refused(e.clone()))?;
        if !clock::is_set() {
            return Err(refused(
                "the machine's clock stands before 1970, and no certificate is good then: set it".into(),
            ));
        }
        let name = ServerName::try_from(domain.to_owned()).map_err(|e| refused(e.to_string()))?;
        match connector.connect(name, io).await {
            Ok(tls) => Ok(Box::new(tls)),
            Err(e) => match of_tls(&e) {
                Some(error @ rustls::Error::InvalidMessage(_)) => Err(refused(format!(
                    "{}: c2s.tls = \"direct\" wants a port that speaks it from the start (often 5223), \"starttls\" any other",
                    told(error)
                ))),
                Some(error) => Err(refused(format!(
                    "{}; it must be for {domain} and from an authority of the system or of c2s.ca_file, or the one of c2s.pin",
                    told(error)
                ))),
                None => Err(OpenError::Unreachable(format!("c2s {}: TLS: {e}", self.address))),
            },
        }
    }
}

/// Without TLS anybody on the way could read passwords and tokens, so there must be no way.
fn permitted(tls: Tls, peer: IpAddr) -> bool {
    tls != Tls::None || peer.to_canonical().is_loopback()
}

fn connector(extra: Vec<CertificateDer<'static>>, pin: Option<[u8; 32]>) -> Result<TlsConnector, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match pin {
        Some(digest) => Arc::new(Pinned { digest, provider: Arc::clone(&provider) }),
        None => Arc::new(
            Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
                .map_err(|e| format!("{e}: install the system's CA certificates or set c2s.ca_file"))?,
        ),
    };
    let verifier = Arc::new(Telling(verifier));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Whether TLS is spoken at `host:port`; nothing where nobody is reached. What it shows is not believed, and nothing is sent.
pub(super) async fn speaks_tls(host: &str, port: u16) -> Option<bool> {
    // A certificate that nobody has.
    let connector = connector(Vec::new(), Some([0; 32])).ok()?;
    let host = host.trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).ok()?;
    let tcp = tokio::time::timeout(LOOK, TcpStream::connect((host, port))).await.ok()?.ok()?;
    let shaken = tokio::time::timeout(LOOK, connector.connect(name, tcp)).await;
    let error = shaken.ok().and_then(Result::err);
    let error = error.as_ref().and_then(|error| of_tls(error));
    // It has shown its certificate, or refused in the words of TLS.
    Some(matches!(error, Some(rustls::Error::Other(_) | rustls::Error::AlertReceived(_))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_without_tls_only_to_loopback() {
        for (peer, loopback) in [("127.0.0.1", true), ("::1", true), ("::ffff:127.0.0.1", true), ("10.0.0.1", false)] {
            let peer: IpAddr = peer.parse().unwrap();
            assert_eq!(permitted(Tls::None, peer), loopback, "{peer}");
            assert!(permitted(Tls::Starttls, peer) && permitted(Tls::Direct, peer));
        }
    }
}
