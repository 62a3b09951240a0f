//! The actions of IAM that the engine needs, as functions: what they take, what of their answer matters.
//!
//! Owns IAM's names for things, and no order of steps: that is `iam_user`'s.

use crate::base::{Secret, Timestamp};
use crate::engine::aws::answer::{Answer, moment};
use crate::engine::aws::client::{Again, Client, Failure};
use std::collections::BTreeMap;

pub const VERSION: &str = "2010-05-08";

/// An access key with its secret, as told once, when it is made.
pub struct AccessKey {
    pub id: String,
    pub secret: Secret<String>,
}

/// A user that is to be made.
pub struct NewUser<'a> {
    pub name: &'a str,
    pub path: &'a str,
    pub permissions_boundary: Option<&'a str>,
    pub tags: &'a BTreeMap<String, String>,
}

/// Something that hangs at a user: how it is listed, the element that names it, and how it is taken off.
pub struct Attachment {
    pub list: &'static str,
    pub element: &'static str,
    pub remove: &'static str,
    pub parameter: &'static str,
}

/// What a user that the engine made has as a rule: what it may do.
pub const PERMISSIONS: [Attachment; 3] = [
    attachment("ListUserPolicies", "member", "DeleteUserPolicy", "PolicyName"),
    attachment("ListAttachedUserPolicies", "PolicyArn", "DetachUserPolicy", "PolicyArn"),
    attachment("ListGroupsForUser", "GroupName", "RemoveUserFromGroup", "GroupName"),
];

/// What others may have given it since: further ways to prove to be it.
pub const RARITIES: [Attachment; 4] = [
    attachment("ListMFADevices", "SerialNumber", "DeactivateMFADevice", "SerialNumber"),
    attachment("ListSigningCertificates", "CertificateId", "DeleteSigningCertificate", "CertificateId"),
    attachment("ListSSHPublicKeys", "SSHPublicKeyId", "DeleteSSHPublicKey", "SSHPublicKeyId"),
    attachment(
        "ListServiceSpecificCredentials",
        "ServiceSpecificCredentialId",
        "DeleteServiceSpecificCredential",
        "ServiceSpecificCredentialId",
    ),
];

const fn attachment(
    list: &'static str,
    element: &'static str,
    remove: &'static str,
    parameter: &'static str,
) -> Attachment {
    Attachment { list, element, remove, parameter }
}

type Outcome<T = ()> = Result<T, Failure>;

/// # Errors
/// AWS's.
pub fn create_user(iam: &Client, user: &NewUser<'_>) -> Outcome {
    let mut parameters = vec![named(user.name), pair("Path", user.path)];
    parameters.extend(user.permissions_boundary.map(|arn| pair("PermissionsBoundary", arn)));
    parameters.extend(members("Tags", user.tags));
    // Sent twice it would meet itself and be refused as already there.
    iam.call_again("CreateUser", &parameters, Again::OnlyIfRefused).map(drop)
}

/// # Errors
/// AWS's.
pub fn add_user_to_group(iam: &Client, user: &str, group: &str) -> Outcome {
    iam.call("AddUserToGroup", &[named(user), pair("GroupName", group)]).map(drop)
}

/// # Errors
/// AWS's.
pub fn attach_user_policy(iam: &Client, user: &str, arn: &str) -> Outcome {
    iam.call("AttachUserPolicy", &[named(user), pair("PolicyArn", arn)]).map(drop)
}

/// # Errors
/// AWS's.
pub fn put_user_policy(iam: &Client, user: &str, name: &str, document: &str) -> Outcome {
    iam.call("PutUserPolicy", &[named(user), pair("PolicyName", name), pair("PolicyDocument", document)]).map(drop)
}

/// Makes an access key, for the caller where no user is named.
///
/// # Errors
/// AWS's. Where nothing is known, there may be a key whose secret nobody knows.
pub fn create_access_key(iam: &Client, user: Option<&str>) -> Outcome<AccessKey> {
    let parameters: Vec<_> = user.map(named).into_iter().collect();
    let answer = iam.call_again("CreateAccessKey", &parameters, Again::OnlyIfRefused)?;
    match (answer.first("AccessKeyId"), answer.first("SecretAccessKey")) {
        (Some(id), Some(secret)) => Ok(AccessKey { id: id.to_owned(), secret: secret.into() }),
        _ => Err(incomplete("CreateAccessKey")),
    }
}

/// The ids of a user's access keys, or of the caller's.
///
/// # Errors
/// AWS's.
pub fn access_keys(iam: &Client, user: Option<&str>) -> Outcome<Vec<String>> {
    pages(iam, "ListAccessKeys", &user.map(named).into_iter().collect::<Vec<_>>(), "AccessKeyId")
}

/// An access key in a list.
pub struct ListedKey {
    pub id: String,
    /// None where AWS does not say.
    pub made: Option<Timestamp>,
}

/// A user's access keys, with when they were made.
///
/// # Errors
/// AWS's.
pub fn listed_keys(iam: &Client, user: &str) -> Outcome<Vec<ListedKey>> {
    let mut found = Vec::new();
    each_page(iam, "ListAccessKeys", &[named(user)], |answer| {
        let mut made = answer.all("CreateDate").map(moment);
        let ids = answer.all("AccessKeyId").filter(|id| !id.is_empty());
        found.extend(ids.map(|id| ListedKey { id: id.to_owned(), made: made.next().flatten() }));
    })?;
    Ok(found)
}

/// Deletes an access key of a user, or of the caller.
///
/// # Errors
/// AWS's; that it is not there is none.
pub fn delete_access_key(iam: &Client, user: Option<&str>, id: &str) -> Outcome {
    let parameters: Vec<_> = user.map(named).into_iter().chain([pair("AccessKeyId", id)]).collect();
    absent_is_fine(iam.call("DeleteAccessKey", &parameters))
}

/// # Errors
/// AWS's; that there is none is none.
pub fn delete_login_profile(iam: &Client, user: &str) -> Outcome {
    absent_is_fine(iam.call("DeleteLoginProfile", &[named(user)]))
}

/// Takes everything of one sort off a user.
///
/// # Errors
/// AWS's; what is not there any more is none.
pub fn strip(iam: &Client, user: &str, what: &Attachment) -> Outcome {
    for item in pages(iam, what.list, &[named(user)], what.element)? {
        absent_is_fine(iam.call(what.remove, &[named(user), pair(what.parameter, &item)]))?;
    }
    Ok(())
}

/// # Errors
/// AWS's; `NoSuchEntity` and `DeleteConflict` among them.
pub fn delete_user(iam: &Client, user: &str) -> Outcome {
    iam.call("DeleteUser", &[named(user)]).map(drop)
}

/// A user as AWS knows it.
pub struct User {
    /// Never given to another, not even to one of the same name.
    pub id: String,
    pub arn: String,
    /// None where AWS does not say.
    pub created: Option<Timestamp>,
    pub tags: BTreeMap<String, String>,
}

/// The user of a name, if there is one.
///
/// # Errors
/// AWS's.
pub fn user(iam: &Client, name: &str) -> Outcome<Option<User>> {
    let text = |answer: &Answer, element| answer.first(element).map(str::to_owned).unwrap_or_default();
    match iam.call("GetUser", &[named(name)]) {
        Ok(answer) => {
            let (id, arn) = (text(&answer, "UserId"), text(&answer, "Arn"));
            let created = answer.first("CreateDate").and_then(moment);
            Ok(Some(User { id, arn, created, tags: tags(&answer) }))
        }
        Err(failure) if failure.is("NoSuchEntity") => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A user in a list, which says nothing of its tags.
pub struct ListedUser {
    pub name: String,
    pub id: String,
    pub created: Option<Timestamp>,
}

/// A part of a list of users.
pub struct Users {
    pub users: Vec<ListedUser>,
    /// What the next part goes on with, if there is one.
    pub next: Option<String>,
}

/// The users of the account, whatever their paths: the page that goes on with `marker`, which is empty at first.
///
/// # Errors
/// AWS's.
pub fn users(iam: &Client, marker: &str) -> Outcome<Users> {
    let parameters: Vec<_> = (!marker.is_empty()).then(|| pair("Marker", marker)).into_iter().collect();
    let answer = iam.call("ListUsers", &parameters)?;
    let mut created = answer.all("CreateDate").map(moment);
    let named = answer.all("UserName").zip(answer.all("UserId"));
    let users = named
        .map(|(name, id)| ListedUser { name: name.to_owned(), id: id.to_owned(), created: created.next().flatten() })
        .collect();
    let next = answer.first("Marker").filter(|_| answer.first("IsTruncated") == Some("true")).map(str::to_owned);
    Ok(Users { users, next })
}

/// What the members of a group may do: the documents of its inline policies, and the ARNs of its attached ones.
///
/// # Errors
/// AWS's.
pub fn group_policies(iam: &Client, group: &str) -> Outcome<(Vec<String>, Vec<String>)> {
    let of_group = pair("GroupName", group);
    let mut documents = Vec::new();
    for name in pages(iam, "ListGroupPolicies", std::slice::from_ref(&of_group), "member")? {
        let answer = iam.call("GetGroupPolicy", &[of_group.clone(), pair("PolicyName", &name)])?;
        documents.extend(answer.first("PolicyDocument").map(percent_decoded));
    }
    Ok((documents, pages(iam, "ListAttachedGroupPolicies", &[of_group], "PolicyArn")?))
}

/// Documents are answered percent-encoded (and by some emulators as they are, which begin with a brace).
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = (byte == b'%').then(|| hex::decode(tail.get(..2)?).ok()?.pop()).flatten();
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn tags(answer: &Answer) -> BTreeMap<String, String> {
    answer.all("Key").map(str::to_owned).zip(answer.all("Value").map(str::to_owned)).collect()
}

/// The texts of an element over all pages of a list.
fn pages(iam: &Client, action: &str, parameters: &[(String, String)], element: &str) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    each_page(iam, action, parameters, |answer| {
        found.extend(answer.all(element).filter(|text| !text.is_empty()).map(str::to_owned));
    })?;
    Ok(found)
}

fn each_page(iam: &Client, action: &str, parameters: &[(String, String)], mut take: impl FnMut(&Answer)) -> Outcome {
    let mut marker = None;
    loop {
        let page: Vec<_> = parameters.iter().cloned().chain(marker.take()).collect();
        let answer = iam.call(action, &page)?;
        take(&answer);
        match answer.first("Marker") {
            Some(next) if answer.first("IsTruncated") == Some("true") => marker = Some(pair("Marker", next)),
            _ => return Ok(()),
        }
    }
}

fn absent_is_fine(outcome: Outcome<Answer>) -> Outcome {
    match outcome {
        Err(failure) if failure.is("NoSuchEntity") => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// An answer that lacks what it is there for.
pub(super) fn incomplete(action: &str) -> Failure {
    let lacking = crate::base::Error::upstream(format!("the answer to {action} lacks what was asked for"));
    Failure::Unknown(lacking.answered())
}

fn named(user: &str) -> (String, String) {
    pair("UserName", user)
}

pub(super) fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// Keys and values as the Query APIs take a list of them.
pub(super) fn members<'a>(
    list: &'a str,
    entries: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> impl Iterator<Item = (String, String)> {
    entries.into_iter().zip(1..).flat_map(move |((key, value), at)| {
        [pair(&format!("{list}.member.{at}.Key"), key), pair(&format!("{list}.member.{at}.Value"), value)]
    })
}
