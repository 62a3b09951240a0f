//! `crls` and `crls/{name}`: lists of certificates that are revoked, as their authorities publish them. What is kept of them
//! are the serial numbers.

use crate::base::{Error, Result};
use crate::logical::ctx::{Records, load};
use crate::logical::route::ORDINARY;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

const FOLDER: &str = "crls/";

/// The revoked of one list, in decimal.
#[derive(Default, Serialize, Deserialize)]
struct Revoked {
    serials: BTreeSet<String>,
}

pub static LIST: Route<Ctx> = Route {
    pattern: "crls",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the revocation lists.")],
    exists: None,
    summary: "The names of the revocation lists.",
    help: "Lists the names of all revocation lists of this mount, in order.",
    flags: ORDINARY,
};

pub static ROUTE: Route<Ctx> = Route {
    pattern: "crls/{name}",
    fields: &[
        Field::text("name", "Name of the revocation list.").folded(),
        Field::text("crl", "The list, in PEM or DER in base64."),
        Field::text("url", "Fetching lists is not there yet: give the list itself in crl."),
    ],
    actions: &[
        Action::new(Operation::Read, read, "Show the serial numbers of a revocation list."),
        Action::new(Operation::Create, write, "Keep a revocation list."),
        Action::new(Operation::Update, write, "Put another list in its place."),
        Action::new(Operation::Delete, delete, "Delete a revocation list."),
    ],
    exists: Some(exists),
    summary: "Certificates that are revoked.",
    help: "Who signs in has to show a chain in which no certificate has the serial number of one that a list revokes, whoever \
        issued it. When a list ends is not looked at: put its successor in its place, or delete it.",
    flags: ORDINARY,
};

fn record(input: &Input) -> Result<String> {
    Ok(format!("{FOLDER}{}", input.required("name")?))
}

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list(FOLDER)?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = record(input)?;
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let revoked: Revoked = ctx.load(&record(input)?)?.ok_or_else(|| unknown(input))?;
    let serials: serde_json::Map<String, Value> =
        revoked.serials.into_iter().map(|serial| (serial, json!({}))).collect();
    Ok(Response::json(json!({ "cdp": null, "serials": serials })))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let path = record(input)?;
    let Some(text) = input.text("crl").filter(|text| !text.is_empty()) else {
        let why = if input.given("url") {
            "url: fetching a revocation list is not supported yet: give the list itself in crl"
        } else {
            "crl must be provided: the revocation list in PEM, or DER in base64"
        };
        return Err(Error::bad_request(why));
    };
    ctx.store(&path, &parse(&text)?)?;
    Ok(Response::empty())
}

fn parse(text: &str) -> Result<Revoked> {
    use base64::Engine;
    let wrong = || Error::bad_request("failed to parse CRL: it is neither PEM nor DER in base64");
    let der = match CertificateRevocationListDer::from_pem_slice(text.as_bytes()) {
        Ok(der) => der.to_vec(),
        Err(_) => {
            let compact: String = text.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD.decode(compact).map_err(|_| wrong())?
        }
    };
    let (_, list) = CertificateRevocationList::from_der(&der).map_err(|_| wrong())?;
    Ok(Revoked { serials: list.iter_revoked_certificates().map(|revoked| revoked.serial().to_string()).collect() })
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    if ctx.delete(&record(input)?)? { Ok(Response::empty()) } else { Err(unknown(input)) }
}

fn unknown(input: &Input) -> Error {
    Error::bad_request(format!("no such CRL {}", input.text("name").unwrap_or_default()))
}

/// Which of these serial numbers are revoked.
///
/// # Errors
/// `Internal` where a list does not open: then nobody knows who is revoked.
pub fn revoked(records: &dyn Records, serials: &BTreeSet<String>) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for name in records.list(FOLDER)? {
        let list: Revoked = load(records, &format!("{FOLDER}{name}"))?.unwrap_or_default();
        found.extend(serials.intersection(&list.serials).cloned());
    }
    Ok(found)
}
