//! Why the certificate of a host was not accepted.

use std::error::Error;
use std::io;

use tokio_rustls::rustls::{self, CertificateError};

/// What is wrong with the certificate, in words for the operator, if `cause` is the refusal of a certificate.
pub(super) fn fault(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    Some(match certificate_error(cause)? {
        CertificateError::UnknownIssuer => "no authority that this system trusts signed it",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::Revoked => "it was revoked",
        _ => "it is malformed, or not one for a server",
    })
}

/// Looks into I/O errors, in which the TLS library passes its errors on: they do not name them as their source.
fn certificate_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a CertificateError> {
    if let Some(wrapping) = cause.downcast_ref::<io::Error>() {
        return certificate_error(wrapping.get_ref()?);
    }
    match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(error) => Some(error),
        _ => None,
    }
}
