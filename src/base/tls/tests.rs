use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConnection, ServerConfig, ServerConnection};
use std::process::Command;

/// A server's certificate with its key.
struct Server {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn of_itself(change: impl FnOnce(&mut CertificateParams)) -> Server {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec!["vault.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut parameters);
    let certificate = parameters.self_signed(&key).unwrap();
    Server { chain: vec![certificate.der().clone()], key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
}

/// What `openssl` makes of these arguments; every call writes `key.pem` and `certificate.pem`.
fn by_openssl(calls: &[&str]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    for call in calls {
        let made = Command::new("openssl").args(call.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let read = |name| std::fs::read(folder.path().join(name)).unwrap();
    Server { chain: certificates(&read("certificate.pem")).unwrap(), key: private_key(&read("key.pem")).unwrap() }
}

/// Shakes hands in memory and tells what the client says.
fn meet(server: &Server, trust: Trust, names: Names, name: &str) -> Result<(), String> {
    let config = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    // Put together by hand: the usual way refuses certificates that some servers show all the same.
    let key = provider().key_provider.load_private_key(server.key.clone_key()).unwrap();
    let shown = SingleCertAndKey::from(CertifiedKey::new(server.chain.clone(), key));
    let config = config.with_no_client_auth().with_cert_resolver(Arc::new(shown));
    let mut near = ServerConnection::new(Arc::new(config)).unwrap();
    let client = client_config(trust, names, None).map_err(|error| error.message().to_owned())?;
    let mut far = ClientConnection::new(client, ServerName::try_from(name.to_owned()).unwrap()).unwrap();
    while far.is_handshaking() {
        let mut bytes = Vec::new();
        far.write_tls(&mut bytes).unwrap();
        near.read_tls(&mut bytes.as_slice()).unwrap();
        near.process_new_packets().unwrap();
        bytes.clear();
        while near.wants_write() {
            near.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            far.read_tls(&mut rest).unwrap();
            far.process_new_packets().map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn given(server: &Server) -> Trust {
    Trust::Given(vec![server.chain[0].clone()])
}

fn refusal(server: &Server, name: &str) -> String {
    meet(server, given(server), Names::Checked, name).unwrap_err()
}

const BY_OPENSSL: &str =
    "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 2 -subj /CN=vault.example";

#[test]
fn a_certificate_that_signed_itself_is_believed_by_who_was_given_it() {
    let san = format!("{BY_OPENSSL} -addext subjectAltName=DNS:vault.example,IP:127.0.0.1,IP:::1");
    for server in [by_openssl(&[&san]), of_itself(|_| ()), of_itself(|made| made.is_ca = IsCa::NoCa)] {
        for name in ["vault.example", "127.0.0.1"] {
            meet(&server, given(&server), Names::Checked, name).unwrap();
        }
        assert!(refusal(&server, "other.example").contains("not valid for name"));
        assert!(refusal(&server, "127.0.0.2").contains("not valid for name"));
        meet(&server, given(&server), Names::Ignored, "other.example").unwrap();
        let stranger = of_itself(|_| ());
        assert!(meet(&server, given(&stranger), Names::Checked, "vault.example").is_err(), "it is another's");
        assert!(meet(&server, given(&stranger), Names::Ignored, "vault.example").is_err(), "it is another's");
        assert!(meet(&server, Trust::Public, Names::Checked, "vault.example").is_err());
        meet(&server, Trust::Anybody, Names::Ignored, "other.example").unwrap();
    }
}

#[test]
fn dates_and_purpose_of_a_certificate_that_is_trusted_itself_still_count() {
    let past = of_itself(|made| made.not_after = date_time_ymd(2020, 1, 1));
    assert!(refusal(&past, "vault.example").to_lowercase().contains("expired"), "{}", refusal(&past, "vault.example"));
    let future = of_itself(|made| made.not_before = date_time_ymd(2120, 1, 1));
    assert!(
        refusal(&future, "vault.example").contains("NotValidYet")
            || refusal(&future, "vault.example").contains("not valid yet")
    );
    let mail = of_itself(|made| made.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection]);
    assert!(refusal(&mail, "vault.example").contains("urpose"), "{}", refusal(&mail, "vault.example"));
    let server = of_itself(|made| made.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    meet(&server, given(&server), Names::Checked, "vault.example").unwrap();
}

#[test]
fn a_name_in_the_common_name_alone_is_refused_by_a_message_that_says_what_to_do() {
    let nameless = by_openssl(&[BY_OPENSSL]);
    assert!(refusal(&nameless, "vault.example").contains("subjectAltName"), "{}", refusal(&nameless, "vault.example"));
    meet(&nameless, given(&nameless), Names::Ignored, "vault.example").unwrap();
    let old = by_openssl(&[
        "req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=vault.example",
        "x509 -req -in request.pem -signkey key.pem -out certificate.pem -days 2",
    ]);
    let told = refusal(&old, "vault.example");
    assert!(told.contains("subjectAltName"), "{told}");
    meet(&old, Trust::Anybody, Names::Ignored, "vault.example").unwrap();
}

#[test]
fn a_certificate_of_ones_own_that_cannot_be_used_is_told_from_one_with_another_key() {
    let told = |server: Server| {
        let identity = Identity { chain: server.chain, key: server.key };
        client_config(Trust::Anybody, Names::Ignored, Some(identity)).err().map(|error| error.message().to_owned())
    };
    let old = by_openssl(&[
        "req -newkey rsa:2048 -nodes -keyout key.pem -out request.pem -subj /CN=client",
        "x509 -req -in request.pem -signkey key.pem -out certificate.pem -days 2",
    ]);
    assert!(told(old).is_some_and(|why| why.contains("X.509 version 1")));
    let mixed = Server { key: of_itself(|_| ()).key, ..of_itself(|_| ()) };
    assert!(told(mixed).is_some_and(|why| why.contains("does not belong to the certificate")));
    assert_eq!(told(of_itself(|_| ())), None);
}

#[test]
fn an_authority_that_is_trusted_still_vouches_for_others() {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority");
    let root = authority.self_signed(&key).unwrap();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["vault.example".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let server = Server { chain: vec![leaf.der().clone()], key: PrivateKeyDer::try_from(own.serialize_der()).unwrap() };
    meet(&server, Trust::Given(vec![root.der().clone()]), Names::Checked, "vault.example").unwrap();
    assert!(meet(&server, Trust::Given(vec![root.der().clone()]), Names::Checked, "other.example").is_err());
    meet(&server, given(&server), Names::Checked, "vault.example").unwrap();
}

#[test]
fn who_is_trusted_alone_vouches_for_nobody() {
    let key = KeyPair::generate().unwrap();
    let mut alone = CertificateParams::new(vec!["alone.example".to_owned()]).unwrap();
    alone.is_ca = IsCa::ExplicitNoCa;
    let trusted = alone.self_signed(&key).unwrap().der().clone();
    let own = KeyPair::generate().unwrap();
    let more = CertificateParams::new(vec!["vault.example".to_owned()]).unwrap();
    let more = more.signed_by(&own, &Issuer::new(alone, key)).unwrap();
    let server = Server { chain: vec![more.der().clone()], key: PrivateKeyDer::try_from(own.serialize_der()).unwrap() };
    assert!(meet(&server, Trust::Given(vec![trusted.clone()]), Names::Checked, "vault.example").is_err());
    let now = UnixTime::now();
    assert!(clients::verify_client(&server.chain, std::slice::from_ref(&trusted), now).is_err());
    assert!(clients::verify_client(std::slice::from_ref(&trusted), std::slice::from_ref(&trusted), now).is_ok());
}

#[test]
fn what_is_no_certificate_is_said_so() {
    assert!(certificates(b"").unwrap_err().message().contains("no certificate"));
    assert!(private_key(b"nothing").is_err());
    let rubbish = Trust::Given(vec![CertificateDer::from(vec![1, 2, 3])]);
    assert!(client_config(rubbish, Names::Checked, None).err().unwrap().message().contains("certificate 1"));
    assert!(system_trust(Some(Path::new("/nowhere.pem"))).err().unwrap().message().contains("/nowhere.pem"));
    assert!(system_trust(None).is_ok());
}
