//! The certificate that Prosody shows clients: where nobody but itself vouches for it, the gateway is told its digest.

use std::path::Path;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use super::lua::{Config, Section, Value};
use super::prosody::Certificate;

/// Looks where Prosody does.
pub(super) fn find(config: &Config, main: &Path, domain: &str) -> Option<Certificate> {
    let folder = main.parent()?;
    let host = Section::Host(domain.to_owned());
    let text = |key: &str| match config.effective(&host, key).map(|setting| &setting.value) {
        Some(Value::Text(text)) => Some(folder.join(text)),
        _ => None,
    };
    let certs = text("certificates").unwrap_or_else(|| folder.join("certs"));
    let names = [format!("{domain}.crt"), format!("{domain}/fullchain.pem"), format!("{domain}.pem")];
    let places = text("certificate").into_iter().chain(names.iter().map(|name| certs.join(name)));
    places.into_iter().find_map(|path| read(&path))
}

fn read(path: &Path) -> Option<Certificate> {
    let der = CertificateDer::pem_file_iter(path).ok()?.next()?.ok()?;
    let certificate = EndEntityCert::try_from(&der).ok()?;
    let own = certificate.issuer() == certificate.subject();
    let digest = || Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Some(Certificate { pin: own.then(|| format!("sha256:{}", digest())) })
}
