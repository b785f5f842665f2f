//! Why a certificate is not believed, in words and with the way out.

use std::error::Error as StdError;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{AlertDescription, CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest, Sha256};

/// Believes what the verifier within believes, and says of all else why not.
#[derive(Debug)]
pub(super) struct Telling(pub Arc<dyn ServerCertVerifier>);

/// A certificate that is not believed, and the words for it.
#[derive(Debug)]
struct Unbelieved(String);

impl Display for Unbelieved {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl StdError for Unbelieved {}

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.verify_server_cert(end_entity, intermediates, name, ocsp, now).map_err(|error| match &error {
            Error::InvalidCertificate(why) => {
                let pin: String = Sha256::digest(end_entity).iter().map(|byte| format!("{byte:02x}")).collect();
                let told = format!("the certificate is not believed: {}", words(why, Some(&pin)));
                Error::Other(OtherError(Arc::new(Unbelieved(told))))
            }
            _ => error,
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Why TLS did not come about, in words.
pub(super) fn told(error: &Error) -> String {
    match error {
        Error::Other(OtherError(inner)) => inner.to_string(),
        Error::InvalidCertificate(why) => format!("the certificate is not believed: {}", words(why, None)),
        Error::InvalidMessage(_) => "what answers there does not speak TLS".into(),
        Error::AlertReceived(AlertDescription::UnrecognisedName) => "it has no certificate for that name".into(),
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "it has no certificate to show for that name, or no version of TLS that is still in use".into()
        }
        other => other.to_string(),
    }
}

/// The error of TLS among the causes of another one.
pub(super) fn of_tls<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        // What such an error holds is not among its causes.
        let within = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        next = within.map(|within| within as &(dyn StdError + 'static)).or_else(|| error.source());
    }
    None
}

/// What is wrong with a certificate; the digest of one that may be the server's own is what `c2s.pin` takes.
fn words(why: &CertificateError, pin: Option<&str>) -> String {
    let pinning = |where_: &str| match pin {
        Some(pin) => format!(". Where it is the server's own{where_}, set c2s.pin = \"sha256:{pin}\""),
        None => String::new(),
    };
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".into(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not good yet: is the machine's clock right?".into()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name".into()
        }
        CertificateError::Revoked => "it has been revoked".into(),
        // An authority of the same name, with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            format!("it is from no authority of the system or of c2s.ca_file{}", pinning(""))
        }
        CertificateError::ApplicationVerificationFailure => {
            format!("it is not the one that c2s.pin names{}", pinning(", and was changed"))
        }
        CertificateError::Other(OtherError(inner)) if inner.to_string().contains("CaUsedAsEndEntity") => {
            format!(
                "it is an authority's (CA:TRUE), which no server may show as its own{}",
                pinning(", as self-made ones are")
            )
        }
        CertificateError::BadEncoding => "it cannot be read".into(),
        other => other.to_string(),
    }
}
