//! The metadata of an EC2 instance, by its second version alone: every question carries a token that was asked for first, so that
//! nobody who can merely make this server fetch a page gets keys.

use crate::base::outbound::{self, Method, Reply};
use crate::base::{Error, Result};
use crate::engine::aws::sources::environment::Environment;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

const ADDRESS: &str = "http://169.254.169.254";
const ADDRESS_IPV6: &str = "http://[fd00:ec2::254]";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

/// For all questions together: where there is no instance nobody answers, and that must not take long to find out.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the metadata are; none where the environment turns them off.
///
/// # Errors
/// `BadRequest` when the environment names no address.
pub fn address(environment: &Environment) -> Result<Option<String>> {
    if environment.get("AWS_EC2_METADATA_DISABLED").is_some_and(|off| off.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    if let Some(address) = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
        outbound::check_address(&address).map_err(|error| error.context("AWS_EC2_METADATA_SERVICE_ENDPOINT"))?;
        return Ok(Some(address.trim_end_matches('/').to_owned()));
    }
    let mode = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").unwrap_or_default();
    Ok(Some(if mode.eq_ignore_ascii_case("ipv6") { ADDRESS_IPV6 } else { ADDRESS }.to_owned()))
}

/// The keys of the instance's role, as they are answered.
///
/// # Errors
/// `Upstream` when nobody answers, `BadRequest` when the instance has no role.
pub fn document(address: &str, deadline: Instant) -> Result<Zeroizing<String>> {
    let deadline = deadline.min(Instant::now() + PATIENCE);
    let ask = |method, path: &str, header: (&str, &str)| {
        let headers = [(header.0.to_owned(), header.1.to_owned())];
        outbound::nearby(method, &format!("{address}{path}"), &headers, deadline)
    };
    let token = ask(Method::Put, "/latest/api/token", ("X-aws-ec2-metadata-token-ttl-seconds", "300"))?;
    let token = fine(token, "gives no token")?;
    let header = ("X-aws-ec2-metadata-token", token.trim());
    let roles = fine(ask(Method::Get, ROLES, header)?, "knows no role: give the instance a profile")?;
    let role = roles.lines().next().unwrap_or_default().trim();
    if role.is_empty() || !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)) {
        return Err(Error::bad_request("the instance's metadata name no role: give the instance a profile"));
    }
    fine(ask(Method::Get, &format!("{ROLES}{role}"), header)?, "has no keys for its role")
}

fn fine(reply: Reply, otherwise: &str) -> Result<Zeroizing<String>> {
    match reply.status {
        200 => Ok(reply.body),
        500.. => Err(Error::upstream(format!("the instance's metadata failed ({})", reply.status))),
        status => Err(Error::bad_request(format!("the instance {otherwise} ({status})"))),
    }
}
