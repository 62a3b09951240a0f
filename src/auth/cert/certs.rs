//! `certs` and `certs/{name}`: the roles.

use super::role::{FOLDER, Role, record};
use crate::base::{Error, Result};
use crate::logical::ctx::{load, store};
use crate::logical::route::ORDINARY;
use crate::logical::token_parameters::OF_METHODS;
use crate::logical::{Action, Ctx, Field, Input, Operation, Response, Route};
use serde_json::{Value, json};

pub static LIST: Route<Ctx> = Route {
    pattern: "certs",
    fields: &[],
    actions: &[Action::new(Operation::List, list, "List the names of the roles.")],
    exists: None,
    summary: "The names of the roles.",
    help: "Lists the names of all roles of this mount, in order.",
    flags: ORDINARY,
};

const NAME: Field = Field::text("name", "Name of the role.").folded();

const OWN: [Field; 22] = [
    NAME,
    Field::text("certificate", "What is trusted, in PEM: an authority, or one client's certificate as it is."),
    Field::text("display_name", "How those who sign in are called; the role's name where nothing is given."),
    Field::list(
        "allowed_names",
        "Older form: patterns, one of which the common name, a DNS name or an address must fit.",
    ),
    Field::list("allowed_common_names", "Patterns, one of which the common name must fit. `*` stands for any text."),
    Field::list("allowed_dns_sans", "Patterns, one of which a DNS name of the certificate must fit."),
    Field::list("allowed_email_sans", "Patterns, one of which an e-mail address of the certificate must fit."),
    Field::list("allowed_uri_sans", "Patterns, one of which a URI of the certificate must fit."),
    Field::list("allowed_organizational_units", "Patterns, one of which an organizational unit must fit."),
    Field::list(
        "required_extensions",
        "Extensions that must all be there, as oid:pattern for a text and hex:oid:pattern for the whole value.",
    ),
    Field::list("allowed_metadata_extensions", "OIDs of extensions whose texts become metadata of the token."),
    Field::list("policies", "The older name of token_policies."),
    Field::seconds("ttl", "The older name of token_ttl."),
    Field::seconds("lease", "An even older name of token_ttl."),
    Field::seconds("max_ttl", "The older name of token_max_ttl."),
    Field::seconds("period", "The older name of token_period."),
    Field::list("bound_cidrs", "The older name of token_bound_cidrs."),
    Field::flag(
        "ocsp_enabled",
        "Asking an authority whether a certificate is revoked is not there yet: only false is taken.",
    ),
    Field::text("ocsp_ca_certificates", "Not there yet: only an empty text is taken."),
    Field::list("ocsp_servers_override", "Not there yet: only an empty list is taken."),
    Field::flag("ocsp_fail_open", "Not there yet: only false is taken."),
    Field::flag("ocsp_query_all_servers", "Not there yet: only false is taken."),
];

const OLDER: &[(&str, &str)] = &[
    ("policies", "token_policies"),
    ("ttl", "token_ttl"),
    ("lease", "token_ttl"),
    ("max_ttl", "token_max_ttl"),
    ("period", "token_period"),
    ("bound_cidrs", "token_bound_cidrs"),
];

static FIELDS: [Field; 31] = Field::joined(OWN, OF_METHODS);

pub static ROUTE: Route<Ctx> = Route {
    pattern: "certs/{name}",
    fields: &FIELDS,
    actions: &[
        Action::new(Operation::Read, read, "Show a role."),
        Action::new(Operation::Create, write, "Make a role."),
        Action::new(Operation::Update, write, "Change the given parameters of a role."),
        Action::new(
            Operation::Delete,
            delete,
            "Delete a role; its tokens live on until they end, and are not renewed.",
        ),
    ],
    exists: Some(exists),
    summary: "Which certificates are trusted, and what tokens they get.",
    help: "With the certificate of an authority, whoever shows one that it signed for clients may sign in; with any other, who \
        shows that very one. The other parameters ask more of it: of each list that is given, one pattern has to fit.",
    flags: ORDINARY,
};

fn list(ctx: &mut Ctx, _input: &Input) -> Result<Response> {
    let names = ctx.list(FOLDER)?;
    if names.is_empty() { Err(Error::not_found("")) } else { Ok(Response::keys(names)) }
}

fn exists(ctx: &mut Ctx, input: &Input) -> Result<bool> {
    let path = record(&input.required("name")?);
    ctx.read(|records| records.has(&path))
}

fn read(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let role: Role = ctx.load(&record(&input.required("name")?))?.ok_or_else(|| Error::not_found(""))?;
    let mut shown = role.token.describe();
    let own = json!({
        "certificate": role.certificate,
        "display_name": role.display_name,
        "allowed_names": role.allowed_names,
        "allowed_common_names": role.allowed_common_names,
        "allowed_dns_sans": role.allowed_dns_sans,
        "allowed_email_sans": role.allowed_email_sans,
        "allowed_uri_sans": role.allowed_uri_sans,
        "allowed_organizational_units": role.allowed_organizational_units,
        "required_extensions": role.required_extensions,
        "allowed_metadata_extensions": role.allowed_metadata_extensions,
        "ocsp_enabled": false,
        "ocsp_ca_certificates": "",
        "ocsp_servers_override": [],
        "ocsp_fail_open": false,
        "ocsp_query_all_servers": false,
    });
    if let Value::Object(own) = own {
        shown.extend(own);
    }
    Ok(Response::data(shown))
}

fn write(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    let name = input.required("name")?;
    refuse_ocsp(input)?;
    ctx.write(|records| {
        let known: Option<Role> = load(records, &record(&name))?;
        let mut role = known.unwrap_or_else(|| Role { name: name.clone(), ..Role::default() });
        take(&mut role, input)?;
        role.check()?;
        store(records, &record(&name), &role)
    })?;
    Ok(Response::empty())
}

fn take(role: &mut Role, input: &Input) -> Result<()> {
    for (field, place) in [("certificate", &mut role.certificate), ("display_name", &mut role.display_name)] {
        if input.given(field) {
            *place = input.text(field).unwrap_or_default();
        }
    }
    for (field, place) in [
        ("allowed_names", &mut role.allowed_names),
        ("allowed_common_names", &mut role.allowed_common_names),
        ("allowed_dns_sans", &mut role.allowed_dns_sans),
        ("allowed_email_sans", &mut role.allowed_email_sans),
        ("allowed_uri_sans", &mut role.allowed_uri_sans),
        ("allowed_organizational_units", &mut role.allowed_organizational_units),
        ("required_extensions", &mut role.required_extensions),
        ("allowed_metadata_extensions", &mut role.allowed_metadata_extensions),
    ] {
        if input.given(field) {
            *place = input.list(field).unwrap_or_default();
        }
    }
    if role.display_name.is_empty() {
        role.display_name.clone_from(&role.name);
    }
    role.token.take(input, OLDER)
}

/// Who asks for revocation to be checked, and gets a role that does not, would let in who is revoked.
fn refuse_ocsp(input: &Input) -> Result<()> {
    let asked =
        ["ocsp_enabled", "ocsp_ca_certificates", "ocsp_servers_override", "ocsp_fail_open", "ocsp_query_all_servers"]
            .into_iter()
            .filter(|name| input.given(name))
            .find(|name| match input.value(name) {
                Some(Value::Bool(on)) => on,
                Some(Value::String(text)) => !text.is_empty(),
                Some(Value::Array(items)) => !items.is_empty(),
                _ => false,
            });
    match asked {
        Some(name) => Err(Error::bad_request(format!(
            "{name}: OCSP is not supported yet: keep a revocation list at crls/NAME instead"
        ))),
        None => Ok(()),
    }
}

fn delete(ctx: &mut Ctx, input: &Input) -> Result<Response> {
    ctx.delete(&record(&input.required("name")?))?;
    Ok(Response::empty())
}
