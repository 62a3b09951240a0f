//! `tls_auto`: a certificate authority of the server's own and a certificate by it, made at the first start and kept in files, so
//! that a server speaks TLS without anybody having to know how certificates are made.
//!
//! The authority stays what it is once it is made: clients are given it once. The certificate is made anew at a start, or at
//! SIGHUP, when it is about to end or when the server has got other names. Private keys are readable by the server's user alone.

use crate::base::tls;
use crate::base::{Error, Result};
use crate::config::{Address, Config, ListenerConfig, Storage, TlsConfig};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

const AUTHORITY: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca.key";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

/// Years that an authority and a certificate are good for, and how many days before its end a certificate is made anew.
const AUTHORITY_YEARS: i16 = 20;
const CERTIFICATE_YEARS: i16 = 5;
const DAYS_BEFORE: i64 = 365;

const NAME: &str = "leasehold local authority";

/// The certificate and the key for a listener; made if they are not there or no longer good.
///
/// # Errors
/// `BadRequest` where there is no place for them, or it cannot be written to.
pub fn files(config: &Config, listener: &ListenerConfig, tls: &TlsConfig) -> Result<(PathBuf, PathBuf)> {
    let folder = folder(config, tls)?;
    let made = prepare(&folder, &names(config, listener));
    made.map_err(|error| error.context(format!("tls_auto: {}", folder.display())))?;
    Ok((folder.join(CERTIFICATE), folder.join(KEY)))
}

/// What a client has to be told, in one line for a shell; nothing where no listener made a certificate.
pub fn hint(config: &Config, places: &[String]) -> Option<String> {
    let (listener, place) = config.listeners.iter().zip(places).find(|(listener, _)| is_auto(listener))?;
    let folder = folder(config, listener.tls.as_ref()?).ok()?;
    let authority = fs::canonicalize(folder.join(AUTHORITY)).ok()?;
    let port = place.rsplit_once(':').map_or("8200", |(_, port)| port);
    let host = host_of(place).filter(|host| !is_any(host)).unwrap_or_else(|| "127.0.0.1".to_owned());
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    Some(format!("export VAULT_ADDR='https://{host}:{port}' VAULT_CACERT='{}'", authority.display()))
}

fn is_auto(listener: &ListenerConfig) -> bool {
    listener.tls.as_ref().is_some_and(|tls| tls.auto)
}

/// Where the certificates are kept.
pub fn folder(config: &Config, tls: &TlsConfig) -> Result<PathBuf> {
    match (&tls.auto_dir, &config.storage) {
        (Some(folder), _) => Ok(folder.clone()),
        (None, Some(Storage::Sqlite { path })) => Ok(path.parent().unwrap_or(Path::new(".")).join("tls")),
        (None, _) => Err(Error::bad_request(
            "tls_auto keeps its certificates beside the storage, which is in memory: say where with tls_auto_dir",
        )),
    }
}

/// All that clients may call this server by.
fn names(config: &Config, listener: &ListenerConfig) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let api = config.api_addr.as_deref().and_then(|address| address.split_once("://")).map(|(_, rest)| rest.to_owned());
    let own = match &listener.address {
        Address::Tcp(address) => host_of(address),
        Address::Unix(_) => None,
    };
    for name in [Some(hostname.trim().to_lowercase()), api.and_then(|api| host_of(&api)), own].into_iter().flatten() {
        if !name.is_empty() && !is_any(&name) {
            names.insert(name);
        }
    }
    names
}

/// The host of `host:port`, without brackets.
fn host_of(address: &str) -> Option<String> {
    let address = address.trim_end_matches('/');
    let host = match address.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => address,
    };
    Some(host.trim_matches(['[', ']']).to_owned()).filter(|host| !host.is_empty())
}

fn is_any(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn prepare(folder: &Path, names: &BTreeSet<String>) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| unwritable(&error))?;
    let issuer = authority(folder)?;
    let is_good =
        fs::read(folder.join(CERTIFICATE)).is_ok_and(|pem| is_current(&pem, names)) && folder.join(KEY).exists();
    if is_good {
        return Ok(());
    }
    let key = KeyPair::generate().map_err(unmade)?;
    let mut certificate = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>()).map_err(unmade)?;
    certificate.distinguished_name = DistinguishedName::new();
    certificate.distinguished_name.push(DnType::CommonName, "leasehold");
    certificate.use_authority_key_identifier_extension = true;
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    limit(&mut certificate, CERTIFICATE_YEARS);
    let certificate = certificate.signed_by(&key, &issuer).map_err(unmade)?;
    write(&folder.join(KEY), &Zeroizing::new(key.serialize_pem()), 0o600)?;
    write(&folder.join(CERTIFICATE), &certificate.pem(), 0o644)?;
    log::info!("tls_auto: a certificate is made in {}", folder.display());
    Ok(())
}

/// The authority that is there, or a new one.
fn authority(folder: &Path) -> Result<Issuer<'static, KeyPair>> {
    let mut authority = CertificateParams::new(Vec::new()).map_err(unmade)?;
    authority.distinguished_name = DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, NAME);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut authority, AUTHORITY_YEARS);
    match fs::read_to_string(folder.join(AUTHORITY_KEY)).map(Zeroizing::new) {
        Ok(pem) => {
            let key = KeyPair::from_pem(&pem)
                .map_err(|_| Error::bad_request(format!("{AUTHORITY_KEY} is no private key")))?;
            Ok(Issuer::new(authority, key))
        }
        Err(_) if folder.join(AUTHORITY).exists() => Err(Error::bad_request(format!(
            "{AUTHORITY} is there and {AUTHORITY_KEY}, its key, cannot be read: put it back, or remove both for a new authority"
        ))),
        Err(_) => {
            let key = KeyPair::generate().map_err(unmade)?;
            let certificate = authority.self_signed(&key).map_err(unmade)?;
            write(&folder.join(AUTHORITY_KEY), &Zeroizing::new(key.serialize_pem()), 0o600)?;
            write(&folder.join(AUTHORITY), &certificate.pem(), 0o644)?;
            Ok(Issuer::new(authority, key))
        }
    }
}

/// From yesterday on, for clocks that are a little behind, for so many years.
fn limit(certificate: &mut CertificateParams, years: i16) {
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date();
    let date = |date: jiff::civil::Date| {
        date_time_ymd(i32::from(date.year()), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    let end = today.first_of_month().checked_add(jiff::Span::new().years(years)).unwrap_or(today);
    certificate.not_before = date(today.yesterday().unwrap_or(today));
    certificate.not_after = date(end);
}

/// Whether a certificate is for all these names and for a while yet.
fn is_current(pem: &[u8], names: &BTreeSet<String>) -> bool {
    let Ok(chain) = tls::certificates(pem) else { return false };
    let Some((_, parsed)) = chain.first().and_then(|own| X509Certificate::from_der(own).ok()) else { return false };
    let left = parsed.validity().not_after.timestamp() - jiff::Timestamp::now().as_second();
    let known = parsed.subject_alternative_name().ok().flatten();
    let known: BTreeSet<String> = known.iter().flat_map(|names| &names.value.general_names).filter_map(text).collect();
    left > DAYS_BEFORE * 24 * 3600 && names.is_subset(&known)
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<()> {
    let unfinished = path.with_extension("new");
    let written = fs::remove_file(&unfinished)
        .or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
        .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(mode).open(&unfinished))
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, path));
    written.map_err(|error| unwritable(&error))
}

fn unwritable(error: &std::io::Error) -> Error {
    Error::bad_request(format!("cannot be written: {error}"))
}

fn unmade(error: rcgen::Error) -> Error {
    Error::internal("no certificate can be made").caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_certificate_is_made_once_and_again_when_the_names_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("tls");
        let names = |more: &[&str]| -> BTreeSet<String> {
            ["localhost", "127.0.0.1", "::1"].iter().chain(more).map(|name| (*name).to_owned()).collect()
        };
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        prepare(&folder, &names(&[])).unwrap();
        let (authority, first) = (read(AUTHORITY), read(CERTIFICATE));
        prepare(&folder, &names(&[])).unwrap();
        assert_eq!(read(CERTIFICATE), first);
        prepare(&folder, &names(&["vault.example", "10.0.0.9"])).unwrap();
        assert_ne!(read(CERTIFICATE), first);
        assert_eq!(read(AUTHORITY), authority, "clients were given it once");
        for key in [AUTHORITY_KEY, KEY] {
            assert_eq!(fs::metadata(folder.join(key)).unwrap().permissions().mode() & 0o777, 0o600);
        }
        fs::remove_file(folder.join(AUTHORITY_KEY)).unwrap();
        assert!(prepare(&folder, &names(&[])).unwrap_err().message().contains("put it back"));
    }

    #[test]
    fn the_host_of_an_address_is_found_however_it_is_written() {
        for (address, host) in [
            ("127.0.0.1:8200", Some("127.0.0.1")),
            ("[::1]:8200", Some("::1")),
            ("vault.example", Some("vault.example")),
            ("vault.example:8200/", Some("vault.example")),
            (":8200", None),
        ] {
            assert_eq!(host_of(address).as_deref(), host, "{address}");
        }
        assert!(is_any("0.0.0.0") && is_any("::") && !is_any("localhost"));
    }
}
