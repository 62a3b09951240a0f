//! IAM users, from nothing to nothing: made in one order, taken apart in the other.

use crate::base::{Error, Result, Secret};
use crate::engine::aws::client::{Client, Failure};
use crate::logical::Revoked;
use serde::Deserialize;

/// What a user gets.
pub struct Wanted<'w> {
    pub name: &'w str,
    pub path: &'w str,
    pub boundary: &'w str,
    pub tags: &'w [(String, String)],
    pub groups: &'w [String],
    pub policy_arns: &'w [String],
    pub policy_document: &'w str,
}

pub struct AccessKey {
    pub id: String,
    pub secret: Secret<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyAnswer {
    create_access_key_result: KeyResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyResult {
    access_key: KeyElement,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    access_key_id: String,
    secret_access_key: String,
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn user(name: &str) -> (String, String) {
    pair("UserName", name)
}

/// Makes the user with all that it gets, its key last, so that no key works before its limits stand.
///
/// # Errors
/// AWS's refusal; what was made until then is found by the lease's revocation.
pub fn create(client: &Client<'_>, wanted: &Wanted<'_>) -> Result<AccessKey, Failure> {
    let mut parameters = vec![user(wanted.name)];
    if !wanted.path.is_empty() {
        parameters.push(pair("Path", wanted.path));
    }
    if !wanted.boundary.is_empty() {
        parameters.push(pair("PermissionsBoundary", wanted.boundary));
    }
    for (at, (key, value)) in wanted.tags.iter().enumerate() {
        parameters.push(pair(&format!("Tags.member.{}.Key", at + 1), key));
        parameters.push(pair(&format!("Tags.member.{}.Value", at + 1), value));
    }
    client.run("CreateUser", &parameters)?;
    for group in wanted.groups {
        client.run("AddUserToGroup", &[user(wanted.name), pair("GroupName", group)])?;
    }
    for arn in wanted.policy_arns {
        client.run("AttachUserPolicy", &[user(wanted.name), pair("PolicyArn", arn)])?;
    }
    if !wanted.policy_document.is_empty() {
        let policy =
            [user(wanted.name), pair("PolicyName", wanted.name), pair("PolicyDocument", wanted.policy_document)];
        client.run("PutUserPolicy", &policy)?;
    }
    create_key(client, Some(wanted.name))
}

/// Makes an access key for a user, or for the one that calls.
///
/// # Errors
/// AWS's refusal.
pub fn create_key(client: &Client<'_>, name: Option<&str>) -> Result<AccessKey, Failure> {
    let parameters: Vec<_> = name.map(user).into_iter().collect();
    let answer: KeyAnswer = client.call("CreateAccessKey", &parameters)?;
    let key = answer.create_access_key_result.access_key;
    Ok(AccessKey { id: key.access_key_id, secret: key.secret_access_key.into() })
}

/// Ids of the access keys of a user, or of the one that calls.
///
/// # Errors
/// AWS's refusal.
pub fn key_ids(client: &Client<'_>, name: Option<&str>) -> Result<Vec<String>, Failure> {
    let parameters: Vec<_> = name.map(user).into_iter().collect();
    list(client, "ListAccessKeys", &parameters, "AccessKeyId")
}

/// # Errors
/// AWS's refusal; that there is no such key is none.
pub fn delete_key(client: &Client<'_>, name: Option<&str>, id: &str) -> Result<(), Failure> {
    let parameters: Vec<_> = name.map(user).into_iter().chain([pair("AccessKeyId", id)]).collect();
    gone_is_fine(client.run("DeleteAccessKey", &parameters))
}

/// Takes a user apart and deletes it, in whatever state it is.
///
/// # Errors
/// What AWS refused; the user may be half taken apart, and the next try goes on from there.
pub fn delete(client: &Client<'_>, name: &str) -> Result<Revoked> {
    let keys = match key_ids(client, Some(name)) {
        Err(failure) if failure.is("NoSuchEntity") => return Ok(Revoked::Gone),
        keys => keys?,
    };
    // The keys first: from here on nothing that was handed out works.
    for id in keys {
        delete_key(client, Some(name), &id)?;
    }
    for (listing, element, removal, parameter) in [
        ("ListUserPolicies", "member", "DeleteUserPolicy", "PolicyName"),
        ("ListAttachedUserPolicies", "PolicyArn", "DetachUserPolicy", "PolicyArn"),
        ("ListGroupsForUser", "GroupName", "RemoveUserFromGroup", "GroupName"),
        ("ListSigningCertificates", "CertificateId", "DeleteSigningCertificate", "CertificateId"),
        ("ListSSHPublicKeys", "SSHPublicKeyId", "DeleteSSHPublicKey", "SSHPublicKeyId"),
        ("ListMFADevices", "SerialNumber", "DeactivateMFADevice", "SerialNumber"),
    ] {
        let found = match list(client, listing, &[user(name)], element) {
            Err(failure) if failure.is("NoSuchEntity") => return Ok(Revoked::Gone),
            found => found?,
        };
        for item in found {
            gone_is_fine(client.run(removal, &[user(name), pair(parameter, &item)]))?;
        }
    }
    gone_is_fine(client.run("DeleteLoginProfile", &[user(name)]))?;
    match client.run("DeleteUser", &[user(name)]) {
        Err(failure) if failure.is("NoSuchEntity") => Ok(Revoked::Gone),
        deleted => deleted.map(|()| Revoked::Done).map_err(Error::from),
    }
}

fn gone_is_fine(outcome: Result<(), Failure>) -> Result<(), Failure> {
    match outcome {
        Err(failure) if failure.is("NoSuchEntity") => Ok(()),
        outcome => outcome,
    }
}

/// The texts of all elements of a name, over all pages of a listing.
fn list(
    client: &Client<'_>,
    action: &str,
    parameters: &[(String, String)],
    element: &str,
) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let page: Vec<_> =
            parameters.iter().cloned().chain(marker.take().map(|marker| pair("Marker", &marker))).collect();
        let text = client.text(action, &page)?;
        found.extend(super::xml::texts(&text, element));
        let truncated = super::xml::texts(&text, "IsTruncated").first().is_some_and(|flag| flag == "true");
        marker = super::xml::texts(&text, "Marker").pop().filter(|_| truncated);
        if marker.is_none() {
            return Ok(found);
        }
    }
}
