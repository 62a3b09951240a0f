//! An AWS that answers as the documentation says, strictly where emulators forgive: a user with anything left to it is not
//! deleted, and every list comes in pages of one. It records what it is asked, in order, and fails where it is told to.
//!
//! It knows keys but checks no signatures: those are held against the published examples, and by the emulator.

use super::bench::NOW;
use crate::base::{Clock, ManualClock};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub const ACCOUNT: &str = "123456789012";
/// The user that the engine works as, and its key at the start.
pub const OPERATOR: &str = "leasehold";
pub const FIRST_KEY: &str = "AKIAFIRST";

/// What can hang at a user: the calls that add, list and remove it, and the parameter that names it.
const SORTS: [(&str, &str, &str, &str); 7] = [
    ("PutUserPolicy", "ListUserPolicies", "DeleteUserPolicy", "PolicyName"),
    ("AttachUserPolicy", "ListAttachedUserPolicies", "DetachUserPolicy", "PolicyArn"),
    ("AddUserToGroup", "ListGroupsForUser", "RemoveUserFromGroup", "GroupName"),
    ("EnableMFADevice", "ListMFADevices", "DeactivateMFADevice", "SerialNumber"),
    ("UploadSigningCertificate", "ListSigningCertificates", "DeleteSigningCertificate", "CertificateId"),
    ("UploadSSHPublicKey", "ListSSHPublicKeys", "DeleteSSHPublicKey", "SSHPublicKeyId"),
    (
        "CreateServiceSpecificCredential",
        "ListServiceSpecificCredentials",
        "DeleteServiceSpecificCredential",
        "ServiceSpecificCredentialId",
    ),
];

#[derive(Default, Clone)]
pub struct User {
    pub id: String,
    pub keys: Vec<String>,
    /// By the call that adds it.
    pub things: BTreeMap<&'static str, BTreeSet<String>>,
    pub login_profile: bool,
    pub tags: BTreeMap<String, String>,
    pub parameters: BTreeMap<String, String>,
}

/// How a call is to go wrong.
#[derive(Clone, Copy)]
pub enum Fault {
    /// Not at all: a later fault of the same action waits for the next call.
    Pass,
    /// Refused, with this status and code.
    Refuse(u16, &'static str),
    /// The connection ends and nothing was done.
    Drop,
    /// It was done, and then the connection ends.
    DropAfter,
    /// The connection ends, and it is done only when the test says so.
    Late,
}

#[derive(Default)]
pub struct State {
    pub users: BTreeMap<String, User>,
    pub groups: BTreeSet<String>,
    /// What happened, in order: the actions, and what the tests add.
    pub log: Vec<String>,
    pub faults: Vec<(String, Fault)>,
    pub account: String,
    /// The parameters of the last session that was opened.
    pub opened: BTreeMap<String, String>,
    /// What is still to be done, by whose key.
    late: Vec<(String, Parameters)>,
    /// When keys were made, as answers write it; long ago where nothing stands here.
    pub made: BTreeMap<String, String>,
    keys_made: usize,
    users_made: usize,
}

/// The running double.
#[derive(Clone)]
pub struct Aws {
    pub endpoint: String,
    pub clock: Arc<ManualClock>,
    state: Arc<Mutex<State>>,
}

type Parameters = BTreeMap<String, String>;
type Outcome = Result<String, (u16, &'static str, String)>;

impl Aws {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let operator = User { keys: vec![FIRST_KEY.to_owned()], ..User::default() };
        let state = State {
            users: BTreeMap::from([(OPERATOR.to_owned(), operator)]),
            groups: BTreeSet::from(["readers".to_owned()]),
            account: ACCOUNT.to_owned(),
            ..State::default()
        };
        let clock = Arc::new(ManualClock::at(NOW));
        let aws = Self { endpoint, clock, state: Arc::new(Mutex::new(state)) };
        let serving = aws.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serving.serve(stream);
            }
        });
        aws
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call of that action goes wrong.
    pub fn fail(&self, action: &str, fault: Fault) {
        self.state().faults.push((action.to_owned(), fault));
    }

    /// The users besides the engine's own.
    pub fn made(&self) -> Vec<String> {
        self.state().users.keys().filter(|name| *name != OPERATOR).cloned().collect()
    }

    /// A user that somebody else made, with these keys, the oldest first.
    pub fn has_user(&self, name: &str, keys: &[&str]) {
        let mut state = self.state();
        state.users_made += 1;
        let id = format!("AIDA{}", state.users_made);
        for (day, key) in keys.iter().enumerate() {
            state.made.insert((*key).to_owned(), format!("2014-01-{:02}T00:00:00Z", day + 1));
        }
        let keys = keys.iter().map(|key| (*key).to_owned()).collect();
        state.users.insert(name.to_owned(), User { id, keys, ..User::default() });
    }

    pub fn keys_of(&self, user: &str) -> Vec<String> {
        self.state().users[user].keys.clone()
    }

    /// Does what was asked long ago.
    pub fn land(&self) {
        let mut state = self.state();
        let now = self.clock.now().rfc3339();
        for (caller, parameters) in std::mem::take(&mut state.late) {
            state.act(&parameters["Action"], &caller, &parameters, &now).unwrap();
        }
    }

    /// What happened since the last call of this.
    pub fn taken_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    /// Puts something on a user that the engine never does.
    pub fn add(&self, user: &str, call: &'static str, item: &str) {
        let mut state = self.state();
        state.users.get_mut(user).unwrap().things.entry(call).or_default().insert(item.to_owned());
    }

    fn serve(&self, stream: TcpStream) {
        let Some((caller, parameters)) = request(&stream) else { return };
        let action = parameters.get("Action").cloned().unwrap_or_default();
        let mut state = self.state();
        state.log.push(action.clone());
        let at = state.faults.iter().position(|(failing, _)| *failing == action);
        let fault = at.map(|at| state.faults.remove(at).1);
        let outcome = match fault {
            Some(Fault::Drop) => return,
            Some(Fault::Late) => {
                state.late.push((caller, parameters));
                return;
            }
            Some(Fault::Refuse(status, code)) => {
                let user = parameters.get("UserName").cloned().unwrap_or_default();
                Err((status, code, format!("as the test wants {user}")))
            }
            _ => state.act(&action, &caller, &parameters, &self.clock.now().rfc3339()),
        };
        if matches!(fault, Some(Fault::DropAfter)) {
            return;
        }
        drop(state);
        let (status, body) = match outcome {
            Ok(result) => {
                (200, format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"))
            }
            Err((status, code, message)) => (
                status,
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                     </ErrorResponse>"
                ),
            ),
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = (&stream).write_all(format!("{head}{body}").as_bytes());
    }
}

impl State {
    fn act(&mut self, action: &str, caller_key: &str, parameters: &Parameters, now: &str) -> Outcome {
        let known = self.users.iter().find(|(_, user)| user.keys.iter().any(|key| key == caller_key));
        let Some(caller) = known.map(|(name, _)| name.clone()) else {
            return Err((403, "InvalidClientTokenId", "The security token included in the request is invalid.".into()));
        };
        let text = |name: &str| parameters.get(name).cloned().unwrap_or_default();
        let name = parameters.get("UserName").cloned().unwrap_or_else(|| caller.clone());
        match action {
            "GetCallerIdentity" => {
                let account = &self.account;
                Ok(format!("<Arn>arn:aws:iam::{account}:user/{caller}</Arn><Account>{account}</Account>"))
            }
            "AssumeRole" => Ok(self.open("arn:aws:sts::1:assumed-role/a/b", parameters)),
            "GetFederationToken" => {
                let user = format!("arn:aws:sts::{}:federated-user/{}", self.account, text("Name"));
                Ok(self.open(&user, parameters))
            }
            "GetSessionToken" => Ok(self.open("", parameters)),
            "ListGroupPolicies" => Ok("<PolicyNames><member>inline</member></PolicyNames>".to_owned()),
            "GetGroupPolicy" => {
                Ok("<PolicyDocument>%7B%22Statement%22%3A%7B%22Sid%22%3A%22group%22%7D%7D</PolicyDocument>".to_owned())
            }
            "ListAttachedGroupPolicies" => {
                Ok("<member><PolicyArn>arn:aws:iam::aws:policy/g</PolicyArn></member>".into())
            }
            "CreateUser" => self.create_user(name, parameters),
            _ if !self.users.contains_key(&name) => {
                Err((404, "NoSuchEntity", format!("The user with name {name} cannot be found.")))
            }
            "AddUserToGroup" if !self.groups.contains(&text("GroupName")) => {
                Err((404, "NoSuchEntity", format!("The group with name {} cannot be found.", text("GroupName"))))
            }
            "CreateAccessKey" => self.create_key(&name, now),
            "DeleteUser" => self.delete_user(&name),
            "ListAccessKeys" => {
                let dated = |id: &String| {
                    let made = self.made.get(id).map_or("2013-01-01T00:00:00Z", String::as_str);
                    format!("<AccessKeyId>{id}</AccessKeyId><Status>Active</Status><CreateDate>{made}</CreateDate>")
                };
                Ok(page(self.users[&name].keys.iter().map(dated).collect(), &text("Marker")))
            }
            "GetUser" => {
                let (user, account) = (&self.users[&name], &self.account);
                let tag = |(key, value): (&String, &String)| {
                    format!("<member><Key>{key}</Key><Value>{value}</Value></member>")
                };
                let tags = user.tags.iter().map(tag).collect::<String>();
                let (id, arn) = (&user.id, format!("arn:aws:iam::{account}:user/{name}"));
                Ok(format!("<User><UserId>{id}</UserId><Arn>{arn}</Arn><Tags>{tags}</Tags></User>"))
            }
            _ => self.users.get_mut(&name).unwrap().act(action, parameters),
        }
    }

    /// Half an hour after the time of AWS's examples it ends.
    fn open(&mut self, bearer: &str, parameters: &Parameters) -> String {
        self.opened = parameters.clone();
        let bearer = if bearer.is_empty() { String::new() } else { format!("<Bearer><Arn>{bearer}</Arn></Bearer>") };
        format!(
            "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>session-secret</SecretAccessKey>\
             <SessionToken>session-token</SessionToken><Expiration>2015-08-30T13:06:00Z</Expiration></Credentials>{bearer}"
        )
    }

    fn create_user(&mut self, name: String, parameters: &Parameters) -> Outcome {
        if self.users.contains_key(&name) {
            return Err((409, "EntityAlreadyExists", format!("User with name {name} already exists.")));
        }
        let tag = |at: usize, part: &str| parameters.get(&format!("Tags.member.{at}.{part}")).cloned();
        let tags = (1..).map_while(|at| Some((tag(at, "Key")?, tag(at, "Value")?))).collect();
        self.users_made += 1;
        let id = format!("AIDA{}", self.users_made);
        self.users.insert(name, User { id, tags, parameters: parameters.clone(), ..User::default() });
        Ok(String::new())
    }

    fn create_key(&mut self, name: &str, now: &str) -> Outcome {
        self.keys_made += 1;
        let id = format!("AKIAMADE{}", self.keys_made);
        self.made.insert(id.clone(), now.to_owned());
        let user = self.users.get_mut(name).unwrap();
        if user.keys.len() >= 2 {
            return Err((409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2".into()));
        }
        user.keys.push(id.clone());
        Ok(format!("<AccessKey><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>se/cr+et</SecretAccessKey></AccessKey>"))
    }

    fn delete_user(&mut self, name: &str) -> Outcome {
        let user = &self.users[name];
        if !user.keys.is_empty() || user.login_profile || user.things.values().any(|items| !items.is_empty()) {
            return Err((409, "DeleteConflict", "Cannot delete entity, must remove what it has first.".into()));
        }
        self.users.remove(name);
        Ok(String::new())
    }
}

impl User {
    fn act(&mut self, action: &str, parameters: &Parameters) -> Outcome {
        let text = |name: &str| parameters.get(name).cloned().unwrap_or_default();
        let missing = || Err((404, "NoSuchEntity", "There is no such thing.".to_owned()));
        match action {
            "DeleteAccessKey" => {
                let before = self.keys.len();
                self.keys.retain(|id| *id != text("AccessKeyId"));
                return if self.keys.len() < before { Ok(String::new()) } else { missing() };
            }
            "DeleteLoginProfile" => {
                return if std::mem::take(&mut self.login_profile) { Ok(String::new()) } else { missing() };
            }
            _ => {}
        }
        for (add, list, remove, parameter) in SORTS {
            let items = self.things.entry(add).or_default();
            if action == add {
                items.insert(text(parameter));
                return Ok(String::new());
            }
            if action == remove {
                return if items.remove(&text(parameter)) { Ok(String::new()) } else { missing() };
            }
            if action == list {
                let names = parameter == "PolicyName";
                let item = |item: &String| {
                    if names { item.clone() } else { format!("<{parameter}>{item}</{parameter}>") }
                };
                return Ok(page(items.iter().map(item).collect(), &text("Marker")));
            }
        }
        Err((400, "InvalidAction", format!("Could not find operation {action}")))
    }
}

/// One item, and where the next begins.
fn page(items: Vec<String>, marker: &str) -> String {
    let at: usize = marker.parse().unwrap_or(0);
    let members: String = items.iter().skip(at).take(1).map(|item| format!("<member>{item}</member>")).collect();
    let more = at + 1 < items.len();
    let marker = if more { format!("<Marker>{}</Marker>", at + 1) } else { String::new() };
    format!("<List>{members}</List><IsTruncated>{more}</IsTruncated>{marker}")
}

/// The caller's access key and the form's fields.
fn request(stream: &TcpStream) -> Option<(String, Parameters)> {
    let mut reader = BufReader::new(stream);
    let (mut length, mut caller) = (0, String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(": ").unwrap_or((line.as_str(), ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => caller = value.split_once("Credential=")?.1.split_once('/')?.0.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let field = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        Some((decoded(name), decoded(value)))
    };
    Some((caller, body.split('&').filter_map(field).collect()))
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex: Option<String> = (byte == b'%').then(|| rest.by_ref().take(2).map(char::from).collect());
        bytes.push(hex.map_or(byte, |hex| u8::from_str_radix(&hex, 16).unwrap()));
    }
    String::from_utf8(bytes).unwrap()
}
