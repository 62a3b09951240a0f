//! A certificate for 127.0.0.1 and `localhost`, and the authority that signed it, made anew for each server.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// All in PEM.
pub struct Certificates {
    pub authority: String,
    pub certificate: String,
    pub key: String,
}

impl Certificates {
    pub fn new() -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // A name of its own: some clients take who has the name of its issuer to have signed itself.
        authority.distinguished_name.push(DnType::CommonName, "authority of the tests");
        let certificate = authority.self_signed(&authority_key).unwrap();
        let issuer = Issuer::new(authority, authority_key);
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let server = server.signed_by(&key, &issuer).unwrap();
        Self { authority: certificate.pem(), certificate: server.pem(), key: key.serialize_pem() }
    }
}
